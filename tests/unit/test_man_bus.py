"""org.kmodd1(5) against the tables of the bus: every member, its signature, every code and every error."""

from collections.abc import Iterable

import pytest

from kmodd.action import ActionKind
from kmodd.bus.auth import ACTIONS
from kmodd.bus.interfaces import MANAGER, MODULE
from kmodd.bus.names import MANAGE_ACTION
from kmodd.bus.table import Argument, Interface
from kmodd.errors import BUS_PREFIX, KINDS
from kmodd.shown import Condition, DaemonState, FailureCode, ModuleState, Outcome
from tests.support.man_page import Item, Page

_PAGE = Page("org.kmodd1.5")
_CODES = "STATES AND CODES/"


def _arguments(arguments: Iterable[Argument]) -> list[str]:
    return [f"{each.signature} {each.name}" for each in arguments]


def _member(item: Item) -> tuple[str, list[str], list[str]]:
    """Name, arguments and results of a method or signal as the page has them."""
    name, *inputs = item.after("Fn")
    return name, inputs, list(item.after("Fa"))


def test_every_method_with_its_signature_and_no_other() -> None:
    expected = [
        (each.name, _arguments(each.inputs), _arguments(each.outputs)) for each in MANAGER.methods.values()
    ]
    assert [_member(item) for item in _PAGE.items("THE MANAGER/Methods")] == expected


def test_every_signal_with_its_signature_and_no_other() -> None:
    none: list[str] = []
    expected = [(each.name, _arguments(each.arguments), none) for each in MANAGER.signals.values()]
    assert [_member(item) for item in _PAGE.items("THE MANAGER/Signals")] == expected


@pytest.mark.parametrize(
    ("section", "interface"), [("THE MANAGER/Properties", MANAGER), ("MODULES/Properties", MODULE)]
)
def test_every_property_with_its_signature_and_no_other(section: str, interface: Interface) -> None:
    described = [(item.names, item.after("Fa")) for item in _PAGE.items(section)]
    assert described == [((each.name,), (each.signature,)) for each in interface.properties.values()]
    assert f"has\n.Li {interface.name} ." in _PAGE.source


def test_modules_have_properties_alone() -> None:
    assert not MODULE.methods
    assert not MODULE.signals


def test_what_changes_something_says_for_whom_it_is() -> None:
    mark = f"For root and\n.Li {MANAGE_ACTION} ."
    marked = {_member(item)[0] for item in _PAGE.items("THE MANAGER/Methods") if mark in item.text}
    changing = {member for member, action in ACTIONS.items() if action == MANAGE_ACTION}
    assert {f"{MANAGER.name}.{name}" for name in marked} == {
        m for m in changing if m.startswith(MANAGER.name)
    }


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("State of kmodd", [*DaemonState]),
        ("State of a module", [*ModuleState]),
        ("Condition of a module", [*Condition]),
        ("Codes of failures", [*FailureCode]),
        ("Actions and outcomes", [*ActionKind, *Outcome]),
    ],
)
def test_every_word_and_no_other(section: str, words: list[str]) -> None:
    described = [name for item in _PAGE.items(_CODES + section) for name in item.names]
    assert sorted(described) == sorted(map(str, words))


def test_every_error_and_no_other() -> None:
    described = {f"{BUS_PREFIX}{name}" for item in _PAGE.items("ERROR NAMES") for name in item.names}
    assert described == {kind.bus_name for kind in KINDS.values()}
    assert f".Li {BUS_PREFIX.removesuffix('.')} ;" in _PAGE.source
