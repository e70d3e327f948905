"""Modules and what goes before each, in an order of loading. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, is_module_name, module_name
from kmodd.shown import ModuleStatus

NEEDS = "needs"
"""Kind of an edge to a dependency; the others are the keys of kmodd.d(5), and of ``before`` its reverse."""
_KEYS = ("requires", "wants", "after")
_BEFORE = "before"


class Edge(NamedTuple):
    """``module`` goes before, and why."""

    module: ModuleName
    kind: str


class Node(NamedTuple):
    """A module; of one that is only named, everything but the name is ""."""

    module: ModuleName
    desired: str = ""
    state: str = ""
    condition: str = ""
    edges: tuple[Edge, ...] = ()


def graph(modules: Iterable[ModuleStatus]) -> tuple[Node, ...]:
    """What is to go first comes first, else by name; of a cycle one edge is passed over in that."""
    known = {module.name: module for module in modules}
    edges: dict[ModuleName, dict[ModuleName, str]] = {name: {} for name in known}
    for name, module in known.items():
        for need in _direct(module, known):
            edges[name].setdefault(need, NEEDS)
        for key, others in _declared(module):
            for other in others:
                first, then = (name, other) if key == _BEFORE else (other, name)
                edges.setdefault(then, {}).setdefault(first, "after" if key == _BEFORE else key)
    nodes = {
        name: Node(
            name,
            *(_facts(known[name]) if name in known else ("", "", "")),
            tuple(Edge(other, kind) for other, kind in sorted(befores.items())),
        )
        for name, befores in edges.items()
    }
    named = {edge.module for node in nodes.values() for edge in node.edges} - nodes.keys()
    return _in_order({**nodes, **{name: Node(name) for name in named}})


def ranks(nodes: Iterable[Node]) -> dict[ModuleName, int]:
    """How many steps each is from one that nothing goes before; ``nodes`` are in order."""
    found: dict[ModuleName, int] = {}
    for node in nodes:
        before = [found[edge.module] for edge in node.edges if edge.module in found]
        found[node.module] = max(before, default=-1) + 1
    return found


def _facts(module: ModuleStatus) -> tuple[str, str, str]:
    return module.desired, module.state, module.condition


def _direct(module: ModuleStatus, known: Mapping[ModuleName, ModuleStatus]) -> list[ModuleName]:
    """Dependencies that are not those of another dependency, as far as that is known."""
    further = {deep for name in module.dependencies if name in known for deep in known[name].dependencies}
    return [name for name in module.dependencies if name not in further]


def _declared(module: ModuleStatus) -> Iterator[tuple[str, list[ModuleName]]]:
    """Lists of names in files, which provenance has as TOML, and so as JSON, writes them."""
    for source in module.sources:
        if source.key in (*_KEYS, _BEFORE):
            yield source.key, _names(source.value)


def _names(text: str) -> list[ModuleName]:
    # Only files with an order of their own need it.
    from json import loads  # noqa: PLC0415

    try:
        value = loads(text)
    except ValueError:
        return []
    names = value if isinstance(value, list) else [value]
    return [module_name(name) for name in names if isinstance(name, str) and is_module_name(name)]


def _in_order(nodes: Mapping[ModuleName, Node]) -> tuple[Node, ...]:
    before = {name: {edge.module for edge in nodes[name].edges} for name in sorted(nodes)}
    while True:
        try:
            return tuple(nodes[name] for name in _sorted(before))
        except CycleError as error:
            first, then, *_ = error.args[1]
            before[then].discard(first)


def _sorted(before: Mapping[ModuleName, set[ModuleName]]) -> list[ModuleName]:
    sorter = TopologicalSorter(before)
    sorter.prepare()
    found: list[ModuleName] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found += ready
        sorter.done(*ready)
    return found
