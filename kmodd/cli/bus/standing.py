"""How kmodd and its modules stand, over the bus (org.kmodd1(5)): what ``status`` and ``list`` ask for.

Words (states, conditions, outcomes) stay the text that came: an enum's member is equal to it, and one that a
later kmodd has brought is shown as well. What no answer tells, such as a column, is 0 or "".
"""

from __future__ import annotations

import os

from kmodd.bus import names
from kmodd.bus.address import system_bus
from kmodd.cli.bus.client import Client, Question
from kmodd.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Any, Self

    from kmodd.shown import Location

MANAGER = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE)


class IssueText(NamedTuple):
    """An issue as one text, hint included; with no file it is about kmodd itself."""

    location: Location
    message: str


class Overview(NamedTuple):
    """Properties of the manager."""

    version: str = ""
    generation: int = 0
    state: str = ""
    converged: bool = False
    paused: bool = False
    kernel_release: str = ""
    enforcing: bool = True
    lockdown: str = ""
    signatures_enforced: bool = False
    modules_disabled: bool = False
    initramfs: str = ""
    config_issues: tuple[IssueText, ...] = ()


class Row(NamedTuple):
    """One managed module, in short."""

    name: str
    desired: str
    state: str
    condition: str
    message: str


def _issue(file: str, line: int, column: int, message: str) -> IssueText:
    # Not needed where no file has an issue.
    from kmodd.shown import Location  # noqa: PLC0415

    return IssueText(Location(file, line, column), message)


class Wire(NamedTuple):
    """How a property travels: its name and signature; ``row`` makes a record of each element."""

    name: str
    signature: str
    row: Callable[..., Any] | None = None


OVERVIEW: Mapping[str, Wire] = {
    "version": Wire("Version", "s"),
    "generation": Wire("Generation", "u"),
    "state": Wire("State", "s"),
    "converged": Wire("Converged", "b"),
    "paused": Wire("Paused", "b"),
    "kernel_release": Wire("KernelRelease", "s"),
    "enforcing": Wire("Enforcing", "b"),
    "lockdown": Wire("Lockdown", "s"),
    "signatures_enforced": Wire("SignaturesEnforced", "b"),
    "modules_disabled": Wire("ModulesDisabled", "b"),
    "initramfs": Wire("Initramfs", "s"),
    "config_issues": Wire("ConfigIssues", "a(suus)", _issue),
}
_OVERVIEW = Question(
    (names.SERVICE, names.MANAGER_PATH, names.PROPERTIES, "GetAll"), "a{sv}", "s", (names.MANAGER_INTERFACE,)
)
_MODULES = Question((*MANAGER, "ListModules"), "a(sssss)")


class Standing:
    """The daemon, asked over a connection. What fails is a KmoddError, as Client.call says."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()

    def overview(self) -> Overview:
        """How the daemon stands."""
        ((values,),) = self.client.ask(_OVERVIEW)
        return Overview(**known(values, OVERVIEW))

    def modules(self) -> tuple[Row, ...]:
        """The managed modules, in order of name."""
        ((rows,),) = self.client.ask(_MODULES)
        return _sorted(rows)

    def whole(self) -> tuple[Overview, tuple[Row, ...]]:
        """Both of these, asked at once."""
        (values,), (rows,) = self.client.ask(_OVERVIEW, _MODULES)
        return Overview(**known(values, OVERVIEW)), _sorted(rows)


def ask() -> Standing:
    """The daemon on the system bus, or on the one that the environment names. Raises NO_BUS."""
    return Standing(connected())


def connected() -> Client:
    """A connection to that bus; raises NO_BUS."""
    return Client(system_bus(os.environ))


def known(values: Mapping[str, Any], wires: Mapping[str, Wire]) -> dict[str, Any]:
    """Properties by field; one that is not there, or is of another type, is left out."""
    return {
        field: _value(values[wire.name].value, wire)
        for field, wire in wires.items()
        if wire.name in values and values[wire.name].signature == wire.signature
    }


def _value(value: Any, wire: Wire) -> Any:
    if wire.row is not None:
        return tuple(wire.row(*each) for each in value)
    return tuple(value) if isinstance(value, list) else value


def _sorted(rows: list[list[str]]) -> tuple[Row, ...]:
    return tuple(Row(*row) for row in sorted(rows))
