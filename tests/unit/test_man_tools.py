"""kmodd(8) and kmoddctl(1) against the command lines, exit statuses, JSON and switches of the code."""

import re
from argparse import Action, ArgumentParser, _SubParsersAction
from collections.abc import Mapping

import pytest

from kmodd.cli import INTERRUPTED
from kmodd.cli import main as cli
from kmodd.cli.bus.follow import Daemon
from kmodd.cli.bus.standing import IssueText, Overview, Row
from kmodd.cli.change.apply import Applied
from kmodd.cli.change.trial import Tried
from kmodd.cli.commands import COMMANDS
from kmodd.cli.look.graph_model import Edge, Node
from kmodd.cli.look.memory import Share
from kmodd.cli.look.symbols import Needed, Symbols
from kmodd.cli.look.timeline import Load
from kmodd.cli.offline.import_text import document
from kmodd.cli.parser import parser
from kmodd.cli.terminal.output import NOT_IN_ORDER
from kmodd.core.old_lines import Conversion
from kmodd.core.switches import Switches, switches
from kmodd.daemon import app as daemon
from kmodd.daemon.log import fields
from kmodd.errors import KINDS
from kmodd.names import ModuleName
from kmodd.shown import ActionRow, Issue, Location, ModuleStatus, OutcomeRow, Source
from tests.support.man_page import Item, Page

_TOOL = Page("kmoddctl.1")
_DAEMON = Page("kmodd.8")


def _commands() -> Mapping[str, ArgumentParser]:
    (subparsers,) = [each for each in parser()._actions if isinstance(each, _SubParsersAction)]
    parsers: Mapping[str, ArgumentParser] = subparsers.choices
    return parsers


def _operand(action: Action) -> str:
    """An operand as the synopsis of its command has it."""
    word = f"Ar {str(action.metavar).lower()}"
    match action.nargs:
        case "?":
            return f"Op {word}"
        case "*":
            return f"Op {word} ..."
        case "+":
            return f"{word} ..."
        case _:
            return word


def _options(parser: ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings}


def _described_options(page: Page) -> set[str]:
    return {f"-{flag}" for item in page.items("OPTIONS") for flag in item.after("Fl")}


def _statuses(page: Page) -> dict[int, Item]:
    return {int(item.words[0]): item for item in page.items("EXIT STATUS")}


def test_every_command_with_its_operands_and_no_other() -> None:
    described = {item.names[0]: " ".join(item.words[2:]) for item in _TOOL.items("COMMANDS")}
    parsers = _commands()
    assert list(described) == list(parsers) == [command.name for command in COMMANDS]
    for name, own in parsers.items():
        operands = [_operand(action) for action in own._actions if not action.option_strings]
        assert described[name] == " ".join(operands)


def test_every_option_of_the_tool_and_no_other() -> None:
    parsers = (parser(), *_commands().values())
    assert set().union(*map(_options, parsers)) == _described_options(_TOOL)


def test_every_option_of_the_daemon_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        daemon.main(["--help"])
    shown = re.findall(r"(?<![\w-])--?[a-z][a-z-]*", capsys.readouterr().out.partition("options:")[2])
    assert set(shown) == _described_options(_DAEMON)


def test_every_exit_status_with_its_code() -> None:
    described = {**_statuses(_DAEMON), **_statuses(_TOOL)}
    for kind in KINDS.values():
        assert described.pop(kind.exit_status).after("Pq") == (kind.code,)
    assert sorted(described) == [0, NOT_IN_ORDER, INTERRUPTED, cli.PIPE_CLOSED]


def test_a_status_that_both_have_is_of_the_same_kind() -> None:
    tool, daemon = _statuses(_TOOL), _statuses(_DAEMON)
    codes = {kind.exit_status: (kind.code,) for kind in KINDS.values()}
    for status, item in (*tool.items(), *daemon.items()):
        assert item.after("Pq") in (codes.get(status, ()), ())


def test_every_field_of_the_journal() -> None:
    every = fields("id", module="a", action="b", outcome="c", code="d")
    assert [item.names for item in _DAEMON.items("JOURNAL")] == [(name,) for name in every]


_ROWS: Mapping[str, tuple[str, ...]] = {
    "status": (*Overview._fields, *IssueText._fields, "modules", *ModuleStatus._fields),
    "list": Row._fields,
    "plan": ActionRow._fields,
    "explain": Source._fields,
    "check": Issue._fields,
    "reload": ("generation",),
    "reconcile": OutcomeRow._fields,
    "retry": Row._fields,
    "release": Row._fields,
    "pause": ("paused",),
    "resume": ("paused",),
    "load": Row._fields,
    "deny": Row._fields,
    "set": Row._fields,
    "clear": Row._fields,
    "apply": Applied._fields,
    "watch": ("event", *Row._fields, *OutcomeRow._fields, *Daemon._fields),
    "try": Tried._fields,
    "symbols": (*Symbols._fields, *Needed._fields),
    "memory": (*Share._fields, "modules", "total_bytes"),
    "schema": ("title", "properties"),
    "import": tuple(document(Conversion(), "", ())),
    "graph": (*Node._fields, *Edge._fields),
    "timeline": Load._fields,
}


def test_every_field_of_json_is_named() -> None:
    described = {item.names[0]: item.text for item in _TOOL.items("OPTIONS/JSON")}
    assert list(described) == list(_ROWS) == [command.name for command in COMMANDS]
    for name, columns in _ROWS.items():
        assert set(columns) <= set(re.findall(r"\w+", described[name]))
    assert f"A location is an object: {', '.join(Location._fields)};" in _TOOL.text("OPTIONS/JSON")


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("kmodd.enforce=", Switches(enforce=False)),
        ("kmodd.skip=", Switches(skipped=frozenset((ModuleName("no"),)))),
        ("module_blacklist=", Switches(barred={ModuleName("no"): "module_blacklist=no"})),
        ("modprobe.blacklist=", Switches(barred={ModuleName("no"): "modprobe.blacklist=no"})),
    ],
)
def test_every_switch_is_one(item: str, expected: Switches) -> None:
    assert item in [name for each in _DAEMON.items("KERNEL COMMAND LINE") for name in each.names]
    assert switches([f"{item}no"]) == expected
