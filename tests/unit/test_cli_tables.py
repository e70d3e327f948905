"""The tool's own words and tables, held against the model, the bus and the errors."""

from argparse import _SubParsersAction
from collections.abc import Mapping
from importlib import import_module

import pytest

from kmodd.action import ActionKind
from kmodd.bus.interfaces import MANAGER
from kmodd.bus.interfaces import MODULE as MODULE_INTERFACE
from kmodd.bus.table import Interface
from kmodd.cli import INTERRUPTED
from kmodd.cli.bus.manager import MODULE
from kmodd.cli.bus.standing import OVERVIEW, Overview, Wire
from kmodd.cli.commands import COMMANDS, DEFAULT, Command
from kmodd.cli.look.advice import ADVICE, idleness, what_to_do, where_to_look
from kmodd.cli.main import FORMATS, PIPE_CLOSED, main
from kmodd.cli.parser import parser
from kmodd.cli.terminal import tones
from kmodd.cli.terminal.output import NOT_IN_ORDER
from kmodd.core.status import GOOD
from kmodd.errors import KINDS, ErrorKind, kind_of_bus_name
from kmodd.shown import Condition, DaemonState, ModuleStatus, Outcome, Severity


@pytest.mark.parametrize(
    ("words", "table"),
    [
        (Condition, tones.CONDITIONS),
        (DaemonState, tones.STATES),
        (Outcome, tones.OUTCOMES),
        (ActionKind, tones.ACTIONS),
        (Severity, tones.SEVERITIES),
    ],
)
def test_every_word_has_its_tone_and_every_tone_a_word(
    words: type[Condition], table: Mapping[str, object]
) -> None:
    assert {word.value for word in words} == set(table)


def test_in_order_is_what_the_daemon_takes_for_good() -> None:
    assert {condition for condition in Condition if tones.in_order(condition)} == GOOD
    assert not tones.in_order("brought-by-a-later-version")


def test_what_is_not_in_order_has_an_advice_and_nothing_else() -> None:
    assert set(ADVICE) == {condition for condition in Condition if not tones.in_order(condition)}
    for condition in ADVICE:
        to_do = what_to_do(condition, "loop")
        assert to_do
        assert "kmoddctl status" not in to_do  # that is where it stands
        assert where_to_look(condition, "loop").endswith(to_do)
        assert "{" not in where_to_look(condition, "loop")
    assert where_to_look(Condition.IN_USE, "loop").startswith("kmoddctl status loop says who uses it; ")
    assert where_to_look("brought-by-a-later-version", "loop") == ""


_BY_ITSELF = ("by itself", "goes on", "kmodd reloads", " tries ", " sets ", "be tried", "has loaded itself")
"""What kmodd does only while it may."""


@pytest.mark.parametrize("enforcing", [True, False])
@pytest.mark.parametrize("condition", ADVICE)
def test_nothing_is_promised_that_kmodd_does_not_do_now(condition: Condition, enforcing: bool) -> None:
    promised = any(words in what_to_do(condition, "loop") for words in _BY_ITSELF)
    idle = idleness(Overview(paused=True, enforcing=enforcing))
    for words in (what_to_do, where_to_look):
        said = words(condition, "loop", idle)
        assert not any(each in said for each in _BY_ITSELF)
        assert said.endswith(idle) is promised
    assert ("kmoddctl resume" in idle) is enforcing
    assert idleness(Overview()) == ""


@pytest.mark.parametrize(
    ("interface", "table", "fields"),
    [(MANAGER, OVERVIEW, Overview._fields), (MODULE_INTERFACE, MODULE, ModuleStatus._fields)],
)
def test_every_property_is_read_with_the_signature_that_it_has(
    interface: Interface, table: Mapping[str, Wire], fields: tuple[str, ...]
) -> None:
    offered = {each.name: each.signature for each in interface.properties.values()}
    assert {wire.name: wire.signature for wire in table.values()} == offered
    assert tuple(table) == fields


def test_no_error_has_an_exit_status_with_another_meaning() -> None:
    taken = {kind.exit_status for kind in KINDS.values()}
    assert not taken & {0, NOT_IN_ORDER, INTERRUPTED, PIPE_CLOSED}


def test_what_many_kinds_share_on_the_bus_is_received_as_a_failure() -> None:
    assert kind_of_bus_name(ErrorKind.NO_LIBKMOD.bus_name) is ErrorKind.FAILED
    assert kind_of_bus_name(ErrorKind.NOT_FOUND.bus_name) is ErrorKind.NOT_FOUND


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_a_command_is_where_the_table_says(command: Command) -> None:
    assert callable(getattr(import_module(f"kmodd.cli.{command.module}"), command.function))


def test_every_command_is_in_the_help() -> None:
    shown = parser().format_help()
    assert all(f"    {command.name}" in shown and command.summary in shown for command in COMMANDS)
    assert DEFAULT in {command.name for command in COMMANDS}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["graph", "--svg", "--json"], "--json and --svg"),
        (["--json", "graph", "--dot"], "--json and --dot"),
        (["graph", "--svg", "--dot"], "--dot and --svg"),
        (["timeline", "--json", "--svg"], "--json and --svg"),
        (["--json", "timeline", "--svg"], "--json and --svg"),
        (["check", "--sarif", "--json"], "--json and --sarif"),
    ],
)
def test_two_formats_at_once_are_refused_before_anything_is_asked(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == ErrorKind.INVALID_ARGUMENT.exit_status
    said = f"kmoddctl: {named} cannot be written at once (take one of them)\n"
    assert capsys.readouterr() == ("", said)


def test_every_way_to_write_is_one_of_those_that_exclude_each_other() -> None:
    """An option that takes nothing and speaks of writing or drawing is a format."""
    (subparsers,) = [each for each in parser()._actions if isinstance(each, _SubParsersAction)]
    found = {
        action.dest
        for one in subparsers.choices.values()
        for action in one._actions
        if action.nargs == 0 and str(action.help).startswith(("write a", "draw a", "one JSON"))
    }
    assert found == set(FORMATS)


@pytest.mark.parametrize("arguments", [["--json", "list"], ["list", "--json"]])
def test_json_may_stand_on_either_side(arguments: list[str]) -> None:
    assert parser().parse_args(arguments).json is True
    assert parser().parse_args(["list"]).json is False
