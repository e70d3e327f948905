"""The order of loading and of unloading: what must go first, what should, and one sequence that obeys."""

from __future__ import annotations

from collections.abc import Container, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from kmodd.core.resolve import DesiredModule, DesiredState, Infos, followers, strong_needs, weak_needs
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName

Edges = Mapping[ModuleName, tuple[ModuleName, ...]]
_Strong = dict[ModuleName, tuple[ModuleName, ...]]
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
    strong: _Strong = dict.fromkeys(sorted(n for n, module in desired.modules.items() if module.to_load), ())
    weak: _Sets = {}
    for name in strong:
        module = desired.modules[name]
        strong[name] = _among(strong_needs(module, desired.infos), strong)
        _add_weak_edges(weak, module, strong, desired.infos)
    return _obeyed(strong, weak)


def removal_order(desired: DesiredState, holders: Edges) -> Order:
    """Order of unloading for what is not to be there: holders first, then loading's order reversed."""
    leaving = {name: desired.modules[name] for name in sorted(desired.unwanted)}
    strong = {name: _among(holders.get(name, ()), leaving) for name in leaving}
    weak: _Sets = {}
    for name, module in leaving.items():
        declaration = module.declaration
        if declaration is None:
            continue
        for earlier in (*declaration.after, *declaration.requires, *declaration.wants):
            if earlier in leaving and earlier != name:
                weak.setdefault(earlier, set()).add(name)
        for later in declaration.before:
            if later in leaving and later != name:
                weak.setdefault(name, set()).add(later)
    return _obeyed(strong, weak)


def _obeyed(strong: _Strong, weak: _Sets) -> Order:
    """Both kinds of edges as one order; weak edges yield where all of them together form a cycle.

    ``strong`` is sorted; ``weak`` has only modules that have such an edge, which most have not.
    """
    for name, needs in weak.items():
        needs.difference_update(strong[name])
    dropped: list[tuple[ModuleName, ModuleName]] = []
    cyclic: set[ModuleName] = set()
    while True:
        both = {name: tuple(sorted(weak[name].union(strong[name]))) for name in weak}
        needs_of = strong | both if both else strong
        try:
            sequence = _sequence(needs_of)
        except CycleError as error:
            _break_cycle(error.args[1], strong, weak, dropped, cyclic)
            continue
        frozen: _Strong = dict.fromkeys(strong, ())
        frozen.update((name, tuple(sorted(needs))) for name, needs in weak.items())
        return Order(strong, frozen, sequence, tuple(dropped), frozenset(cyclic))


def _sequence(needs_of: Edges) -> tuple[ModuleName, ...]:
    """Each after all that it needs, and right after the last of them, else in order; raises CycleError.

    So those that belong together stand together, for a reader and for the processor's cache.
    TopologicalSorter has all that need nothing first, looks for a cycle in any case and has an object each.
    """
    missing: dict[ModuleName, int] = {}
    needed_by: dict[ModuleName, list[ModuleName]] = {}
    for name, needs in needs_of.items():
        missing[name] = len(needs)
        for need in needs:
            needed_by.setdefault(need, []).append(name)
    ready = [name for name, count in missing.items() if not count]
    ready.reverse()
    found: list[ModuleName] = []
    while ready:
        name = ready.pop()
        found.append(name)
        for follower in reversed(needed_by.get(name, ())):
            missing[follower] -= 1
            if not missing[follower]:
                ready.append(follower)
    return tuple(found if len(found) == len(missing) else TopologicalSorter(needs_of).static_order())


def _add_weak_edges(weak: _Sets, module: DesiredModule, loads: Container[ModuleName], infos: Infos) -> None:
    """``after``, ``before``, ``wants`` and softdeps of one among the modules that are to be loaded.

    Whom it replaces goes before it too: what keeps that one in place is what keeps this one out.
    """
    name, declaration = module.name, module.declaration
    declared = (*declaration.after, *declaration.replaces) if declaration else ()
    for need in (*weak_needs(module, infos), *declared):
        if need in loads and need != name:
            weak.setdefault(name, set()).add(need)
    for follower in (*followers(module, infos), *(declaration.before if declaration else ())):
        if follower in loads and follower != name:
            weak.setdefault(follower, set()).add(name)


def _break_cycle(
    cycle: list[ModuleName],
    strong: _Strong,
    weak: _Sets,
    dropped: list[tuple[ModuleName, ModuleName]],
    cyclic: set[ModuleName],
) -> None:
    """Take one edge out of ``cycle`` (each goes before the next): a weak one, else all strong ones of it."""
    edges = list(pairwise(cycle))
    for first, then in edges:
        if first in weak.get(then, ()):
            weak[then].discard(first)
            dropped.append((first, then))
            return
    cyclic.update(cycle)
    for first, then in edges:
        strong[then] = tuple(need for need in strong[then] if need != first)


def _among(names: tuple[ModuleName, ...], these: Mapping[ModuleName, object]) -> tuple[ModuleName, ...]:
    """Those of ``names`` that are among ``these``, each once, sorted; no copy where that is all of them."""
    if not names:
        return names
    found = tuple(sorted(these.keys() & names))
    return names if found == names else found
