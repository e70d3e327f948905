"""The order of loading and of unloading: what must go first, what should, and one sequence that obeys."""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import NamedTuple

from kmodd.core.resolve import DesiredModule, DesiredState, followers, strong_needs, weak_needs
from kmodd.names import ModuleName

Edges = Mapping[ModuleName, tuple[ModuleName, ...]]
_Sets = dict[ModuleName, set[ModuleName]]


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
    """Order of loading for what is to be loaded; the same for the same desired state."""
    loads = {name: module for name, module in desired.modules.items() if module.to_load}
    strong = {name: set(strong_needs(module, desired.infos)) & loads.keys() for name, module in loads.items()}
    return _obeyed(strong, _weak_edges(loads, desired))


def removal_order(desired: DesiredState, holders: Mapping[ModuleName, Iterable[ModuleName]]) -> Order:
    """Order of unloading for what is not to be there: holders first, then loading's order reversed."""
    leaving = {name: desired.modules[name] for name in desired.unwanted}
    strong = {name: set(holders.get(name, ())) & leaving.keys() for name in leaving}
    weak: _Sets = {name: set() for name in leaving}
    for name, module in leaving.items():
        declaration = module.declaration
        if declaration is None:
            continue
        for earlier in (*declaration.after, *declaration.requires, *declaration.wants):
            if earlier in leaving and earlier != name:
                weak[earlier].add(name)
        weak[name].update(later for later in declaration.before if later in leaving and later != name)
    return _obeyed(strong, weak)


def _obeyed(strong: _Sets, weak: _Sets) -> Order:
    """Both kinds of edges as one order; weak edges yield where all of them together form a cycle."""
    for name, needs in weak.items():
        needs.difference_update(strong[name])
    dropped: list[tuple[ModuleName, ModuleName]] = []
    cyclic: set[ModuleName] = set()
    while True:
        sorter = TopologicalSorter({name: sorted(strong[name] | weak[name]) for name in sorted(strong)})
        try:
            sequence = tuple(sorter.static_order())
        except CycleError as error:
            _break_cycle(error.args[1], strong, weak, dropped, cyclic)
            continue
        return Order(_frozen(strong), _frozen(weak), sequence, tuple(dropped), frozenset(cyclic))


def _weak_edges(loads: Mapping[ModuleName, DesiredModule], desired: DesiredState) -> _Sets:
    """``after``, ``before``, ``wants`` and softdeps among the modules that are to be loaded."""
    weak: _Sets = {name: set() for name in loads}
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
    strong: _Sets,
    weak: _Sets,
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
