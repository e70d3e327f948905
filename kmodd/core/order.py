"""The order of loading: what must be live first, what should go first, and one sequence that obeys."""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

from kmodd.core.resolve import DesiredModule, DesiredState, followers, strong_needs, weak_needs
from kmodd.names import ModuleName

Edges = Mapping[ModuleName, tuple[ModuleName, ...]]


class Order(NamedTuple):
    """``strong`` and ``weak``: module -> what goes before it. ``sequence`` obeys both, needs first.

    ``dropped`` are weak edges (before, after) that would have closed a cycle; ``cyclic`` are modules whose
    strong needs form one, which depmod and the compiler exclude, each from its own side only.
    """

    strong: Edges
    weak: Edges
    sequence: tuple[ModuleName, ...]
    dropped: tuple[tuple[ModuleName, ModuleName], ...] = ()
    cyclic: frozenset[ModuleName] = frozenset()


def order(desired: DesiredState) -> Order:
    """Order of the modules that are to be loaded; the same for the same desired state."""
    loads = {name: module for name, module in desired.modules.items() if module.to_load}
    strong = {name: set(strong_needs(module, desired.infos)) & loads.keys() for name, module in loads.items()}
    weak = _weak_edges(loads, desired)
    for name, needs in weak.items():
        needs.difference_update(strong[name])
    dropped: list[tuple[ModuleName, ModuleName]] = []
    cyclic: set[ModuleName] = set()
    while True:
        sorter = TopologicalSorter({name: sorted(strong[name] | weak[name]) for name in sorted(loads)})
        try:
            sequence = tuple(sorter.static_order())
        except CycleError as error:
            _break_cycle(error.args[1], strong, weak, dropped, cyclic)
            continue
        return Order(_frozen(strong), _frozen(weak), sequence, tuple(dropped), frozenset(cyclic))


def _weak_edges(
    loads: Mapping[ModuleName, DesiredModule], desired: DesiredState
) -> dict[ModuleName, set[ModuleName]]:
    """``after``, ``before``, ``wants`` and softdeps among the modules that are to be loaded."""
    weak: dict[ModuleName, set[ModuleName]] = {name: set() for name in loads}
    for name, module in loads.items():
        declaration = module.declaration
        earlier = (*weak_needs(module, desired.infos), *(declaration.after if declaration else ()))
        later = (*followers(module, desired.infos), *(declaration.before if declaration else ()))
        weak[name].update(need for need in earlier if need in loads and need != name)
        for follower in later:
            if follower in loads and follower != name:
                weak[follower].add(name)
    return weak


def _break_cycle(
    cycle: list[ModuleName],
    strong: dict[ModuleName, set[ModuleName]],
    weak: dict[ModuleName, set[ModuleName]],
    dropped: list[tuple[ModuleName, ModuleName]],
    cyclic: set[ModuleName],
) -> None:
    """Take one edge out of ``cycle`` (each goes before the next): a weak one, else all strong ones of it."""
    edges = list(pairwise(cycle))
    for first, then in edges:
        if first in weak[then]:
            weak[then].discard(first)
            dropped.append((first, then))
            return
    cyclic.update(cycle)
    for first, then in edges:
        strong[then].discard(first)


def _frozen(edges: Mapping[ModuleName, Iterable[ModuleName]]) -> Edges:
    return {name: tuple(sorted(needs)) for name, needs in edges.items()}
