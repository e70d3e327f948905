"""Where words go: text or JSON, and what a stream says about itself."""

import io
import json
import os
import pty
from collections.abc import Iterator, Mapping
from typing import TextIO

import pytest

from kmodd.cli.terminal.output import Output, style_of
from kmodd.cli.terminal.render import Style
from kmodd.names import ModuleName
from kmodd.shown import Condition, Drift, Location, ModuleState, ModuleStatus, Source


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    """A terminal's end that a program writes to."""
    master, slave = pty.openpty()
    try:
        with open(slave, "w", encoding="utf-8") as stream:
            yield stream
    finally:
        os.close(master)


def test_text_is_lines() -> None:
    stream = io.StringIO()
    Output(stream, Style(width=7)).show([], lambda style: ["a", f"{style.width}"])
    assert stream.getvalue() == "a\n7\n"


def test_json_is_one_document_a_line() -> None:
    stream = io.StringIO()
    output = Output(stream, json=True)
    module = ModuleStatus(
        ModuleName("loop"),
        "loaded",
        ModuleState.LOADED,
        Condition.DRIFTED,
        "",
        drift=(Drift("a", "1", "2"),),
        sources=(Source("a", "1", Location("f", 3)),),
    )
    for _ in range(2):
        output.show([module], lambda _: ["not this"])
    first, second = stream.getvalue().splitlines()
    assert first == second
    (value,) = json.loads(first)
    assert (value["name"], value["holders"], value["parameters"]) == ("loop", [], {})
    assert value["drift"] == [{"parameter": "a", "wanted": "1", "found": "2"}]
    place = {"file": "f", "line": 3, "column": 0}
    assert value["sources"] == [{"key": "a", "value": "1", "location": place}]
    assert value["condition"] == "drifted"


@pytest.mark.shows("security 8")
def test_json_has_no_character_that_a_terminal_obeys() -> None:
    stream = io.StringIO()
    Output(stream, json=True).show({"text": "\x1b[2J\u202e\udc80"}, lambda _: ())
    assert stream.getvalue().strip().isascii()
    assert stream.getvalue().strip().isprintable()


def test_what_is_no_terminal_gets_neither_colour_nor_breaks() -> None:
    assert style_of(io.TextIOWrapper(io.BytesIO(), "utf-8"), {"COLUMNS": "40"}) == Style()


def test_an_encoding_that_lacks_characters_is_told() -> None:
    assert style_of(io.TextIOWrapper(io.BytesIO(), "iso8859-1"), {}) == Style(unicode=False)


@pytest.mark.parametrize(
    ("environment", "colour"),
    [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colour_at_a_terminal(terminal: TextIO, environment: Mapping[str, str], colour: bool) -> None:
    assert style_of(terminal, environment).colour is colour


def test_the_width_is_the_terminals(terminal: TextIO) -> None:
    assert style_of(terminal, {}).width == 0
    assert style_of(terminal, {"COLUMNS": "57"}).width == 57
    assert style_of(terminal, {"COLUMNS": "wide"}).width == 0
    assert style_of(terminal, {"COLUMNS": "9" * 5000}).width == 0
