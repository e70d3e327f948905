"""Cycles in an order, each as the edges that make it; one pass, whatever the size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import Location

MAX_CYCLES = 100


class Edge(NamedTuple):
    """``first`` goes before ``then``; ``said`` is the reason in words, ``place`` where it stands."""

    first: ModuleName
    then: ModuleName
    said: str
    place: Location


def find_cycles(edges: Iterable[Edge]) -> Iterator[tuple[Edge, ...]]:
    """At least one cycle of every knot, at most MAX_CYCLES; none if the order can be obeyed."""
    following: dict[ModuleName, list[Edge]] = {}
    for edge in edges:
        following.setdefault(edge.first, []).append(edge)
    search = _Search({name: sorted(rest, key=_by_name, reverse=True) for name, rest in following.items()})
    cycles = (cycle for name in sorted(following) for cycle in search.cycles_from(name))
    return islice(cycles, MAX_CYCLES)


def _by_name(edge: Edge) -> tuple[str, str, int]:
    return edge.then, edge.place.file, edge.place.line


class _Search:
    """Depth first without recursion; an edge back into the trail closes a cycle. Consumes ``following``."""

    def __init__(self, following: dict[ModuleName, list[Edge]]) -> None:
        self._following = following
        self._done: set[ModuleName] = set()

    def cycles_from(self, start: ModuleName) -> Iterator[tuple[Edge, ...]]:
        """Cycles that can be reached from ``start`` and were not seen from another one."""
        trail: list[Edge] = []
        depth = {start: 0}
        here = start
        while here not in self._done:
            rest = self._following.get(here)
            if not rest:
                self._done.add(here)
                del depth[here]
                here = trail.pop().first if trail else here
                continue
            edge = rest.pop()
            if edge.then in depth:
                yield (*trail[depth[edge.then] :], edge)
            elif edge.then not in self._done:
                trail.append(edge)
                here = edge.then
                depth[here] = len(trail)
