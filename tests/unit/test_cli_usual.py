"""The short way to read a command line, held against argparse: it says the same, or nothing."""

from argparse import _SubParsersAction
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.cli import usual
from kmodd.cli.commands import COMMANDS, Command
from kmodd.cli.parser import interpreted, parser

_WORDS = (
    *(command.name for command in COMMANDS),
    *("--json", "--all", "--svg", "--dot", "--offline", "--root", "--runtime", "--persistent", "--yes"),
    *("--strict", "--sarif", "--output", "--timeout", "--help", "--version", "--al", "--js", "--all=1"),
    *("-", "--", "-1", "-h", "", "loop", "a b", "max_loop=8", "kmodd.toml", "stat"),
)
_LINES = st.lists(st.sampled_from(_WORDS), max_size=5)
_OF_A_COMMAND = st.tuples(st.sampled_from([command.name for command in COMMANDS]), _LINES).map(
    lambda line: [line[0], *line[1]]
)


def _by_argparse(line: list[str]) -> dict[str, object] | None:
    """None where it refuses, or only prints."""
    try:
        with redirect_stderr(StringIO()), redirect_stdout(StringIO()):
            return vars(interpreted(line))
    except SystemExit:
        return None


@given(_LINES | _OF_A_COMMAND)
def test_what_it_reads_argparse_reads_as_well(line: list[str]) -> None:
    found = usual.read(line)
    if found is not None:
        assert vars(found) == _by_argparse(line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "--json",
        "status",
        "status loop",
        "--json status --all",
        "status --all --json",
        "status loop --all",
        "status --all loop",
        "list --json",
        "explain loop",
        "explain loop parameters",
        "plan --offline",
        "reload",
        "load loop",
        "clear loop",
        "import",
        "graph --svg",
        "timeline",
    ],
)
def test_usual_lines_are_read_by_it(line: str) -> None:
    found = usual.read(line.split())
    assert found is not None
    assert vars(found) == _by_argparse(line.split())


@pytest.mark.parametrize(
    "line",
    [
        "stat",
        "status --al",
        "status a b",
        "status -- loop",
        "status -h",
        "--version",
        "explain",
        "explain loop --json parameters",
        "load loop --runtime",
        "load loop --runtime --persistent",
        "plan --root=/mnt",
        "plan --root /mnt",
        "schema kmodd.toml",
        "set loop max_loop=8",
        "try file",
        "check",
    ],
)
def test_others_are_left_to_argparse(line: str) -> None:
    assert usual.read(line.split()) is None


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_it_knows_every_argument_and_what_it_is_without(command: Command) -> None:
    (subparsers,) = [each for each in parser()._actions if isinstance(each, _SubParsersAction)]
    actions = [
        each for each in subparsers.choices[command.name]._actions if each.dest not in ("help", "json")
    ]
    assert usual._Arguments(command)._values == {each.dest: each.default for each in actions}
