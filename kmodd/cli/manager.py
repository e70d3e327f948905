"""What kmodd says over the bus (org.kmodd1(5)), as named rows: what commands show, and what JSON holds.

The fields are named as in ``kmodd.model``, whose import would cost more than asking the daemon does.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kmodd.bus import names
from kmodd.bus.message import ALLOW_INTERACTIVE_AUTHORIZATION
from kmodd.cli.client import Client
from kmodd.names import ModuleName

_MANAGER = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE)


class Issue(NamedTuple):
    """Something wrong in a file; line and column 0 mean the file as a whole."""

    file: str
    line: int
    column: int
    message: str


class Overview(NamedTuple):
    """Properties of the manager."""

    version: str = ""
    generation: int = 0
    state: str = ""
    converged: bool = False
    paused: bool = False
    kernel_release: str = ""
    config_issues: tuple[Issue, ...] = ()


class Row(NamedTuple):
    """One managed module, in short."""

    name: str
    desired: str
    state: str
    condition: str
    message: str


class Source(NamedTuple):
    """Provenance of one value."""

    key: str
    value: str
    line: int
    file: str


class Drift(NamedTuple):
    """A parameter whose value in the kernel is not the wanted one."""

    parameter: str
    wanted: str
    found: str


class Action(NamedTuple):
    """What a pass would do."""

    module: str
    action: str
    detail: str
    reason: str


class Result(NamedTuple):
    """What came of an action."""

    module: str
    action: str
    outcome: str


class Module(NamedTuple):
    """Everything about one module; times in microseconds, since 1970 where they are a moment, 0 for never."""

    name: str = ""
    desired: str = ""
    reason: str = ""
    state: str = ""
    condition: str = ""
    message: str = ""
    parameters: Mapping[str, str] = {}
    desired_parameters: Mapping[str, str] = {}
    drift: tuple[Drift, ...] = ()
    refcount: int = 0
    holders: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    memory_bytes: int = 0
    path: str = ""
    version: str = ""
    srcversion: str = ""
    signer: str = ""
    taint: str = ""
    loaded_us: int = 0
    load_duration_us: int = 0
    failure_count: int = 0
    next_retry_us: int = 0
    kernel_messages: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()


class Wire(NamedTuple):
    """How a property travels: its name and signature; ``row`` is what each element becomes."""

    name: str
    signature: str
    row: Any = None


OVERVIEW: Mapping[str, Wire] = {
    "version": Wire("Version", "s"),
    "generation": Wire("Generation", "u"),
    "state": Wire("State", "s"),
    "converged": Wire("Converged", "b"),
    "paused": Wire("Paused", "b"),
    "kernel_release": Wire("KernelRelease", "s"),
    "config_issues": Wire("ConfigIssues", "a(suus)", Issue),
}
MODULE: Mapping[str, Wire] = {
    "name": Wire("Name", "s"),
    "desired": Wire("Desired", "s"),
    "reason": Wire("Reason", "s"),
    "state": Wire("State", "s"),
    "condition": Wire("Condition", "s"),
    "message": Wire("Message", "s"),
    "parameters": Wire("Parameters", "a{ss}"),
    "desired_parameters": Wire("DesiredParameters", "a{ss}"),
    "drift": Wire("Drift", "a(sss)", Drift),
    "refcount": Wire("RefCount", "i"),
    "holders": Wire("Holders", "as"),
    "dependencies": Wire("Dependencies", "as"),
    "blockers": Wire("Blockers", "as"),
    "memory_bytes": Wire("MemorySize", "t"),
    "path": Wire("Path", "s"),
    "version": Wire("ModuleVersion", "s"),
    "srcversion": Wire("SrcVersion", "s"),
    "signer": Wire("Signer", "s"),
    "taint": Wire("Taint", "s"),
    "loaded_us": Wire("LoadedUSec", "t"),
    "load_duration_us": Wire("LoadDurationUSec", "t"),
    "failure_count": Wire("FailureCount", "u"),
    "next_retry_us": Wire("NextRetryUSec", "t"),
    "kernel_messages": Wire("KernelMessages", "as"),
    "sources": Wire("Sources", "a(ssus)", Source),
}


class Manager:
    """The daemon, asked over a connection. What fails is a KmoddError, as Client.call says."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def overview(self) -> Overview:
        """How the daemon stands."""
        return Overview(**self._properties(names.MANAGER_PATH, names.MANAGER_INTERFACE, OVERVIEW))

    def modules(self) -> tuple[Row, ...]:
        """The managed modules, in order of name."""
        return tuple(sorted(Row(*row) for row in self._ask("ListModules", answer="a(sssss)")))

    def module(self, name: ModuleName) -> Module:
        """A managed or present module; raises NOT_FOUND."""
        path: str = self._ask("GetModule", "s", name, answer="o")
        return Module(**self._properties(path, names.MODULE_INTERFACE, MODULE))

    def explain(self, name: ModuleName) -> tuple[Source, ...]:
        """Provenance of every value of a managed module; raises NOT_FOUND."""
        return tuple(Source(*row) for row in self._ask("Explain", "s", name, answer="a(ssus)"))

    def plan(self) -> tuple[Action, ...]:
        """What reconcile() would do now."""
        return tuple(Action(*row) for row in self._ask("Plan", answer="a(ssss)"))

    def reload(self) -> int:
        """Compile the files again; the generation. Raises INVALID_CONFIG with every message."""
        generation: int = self._change("Reload", answer="u")
        return generation

    def reconcile(self) -> tuple[Result, ...]:
        """One whole pass, carried out."""
        return tuple(Result(*row) for row in self._change("Reconcile", answer="a(sss)"))

    def _ask(self, member: str, signature: str = "", *arguments: str, answer: str) -> Any:
        (value,) = self._client.call((*_MANAGER, member), signature, arguments, answer=answer)
        return value

    def _change(self, member: str, *, answer: str) -> Any:
        """Call what changes something: polkit may ask for a password, and a load takes what it takes."""
        (value,) = self._client.call(
            (*_MANAGER, member), answer=answer, flags=ALLOW_INTERACTIVE_AUTHORIZATION, timeout_s=None
        )
        return value

    def _properties(self, path: str, interface: str, wires: Mapping[str, Wire]) -> dict[str, Any]:
        """Properties by field; one that is not there, or is of another type, is left to its default."""
        target = (names.SERVICE, path, names.PROPERTIES, "GetAll")
        (values,) = self._client.call(target, "s", (interface,), answer="a{sv}")
        return {
            field: _value(values[wire.name].value, wire)
            for field, wire in wires.items()
            if wire.name in values and values[wire.name].signature == wire.signature
        }


def _value(value: Any, wire: Wire) -> Any:
    if wire.row is not None:
        return tuple(wire.row(*each) for each in value)
    return tuple(value) if isinstance(value, list) else value
