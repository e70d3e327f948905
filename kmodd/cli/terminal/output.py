"""Where a command's words go: text for people, one JSON document a line for programs."""

from __future__ import annotations

import os

from kmodd.cli.terminal.render import Style
from kmodd.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TextIO

NOT_IN_ORDER = 3
"""Exit status: the question was answered, and something is not as declared. No error kind has it."""
_MOST_DIGITS = 6  # of a width; Python refuses to read some thousands


class Options:
    """What a command line says: an attribute for each argument of its command, and which command that is."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Whatever kmodd.cli.commands says of the command."""


class Output(NamedTuple):
    """What a command writes to; ``json`` instead of text where it was asked for."""

    stream: TextIO
    style: Style = Style()
    json: bool = False

    def show(self, data: Any, lines: Callable[[Style], Iterable[str]]) -> None:
        """Write ``data`` (rows, or what JSON has) or, for people, ``lines``. Raises OSError."""
        if self.json:
            self.stream.write(_document(data) + "\n")
        else:
            self.stream.writelines(f"{line}\n" for line in lines(self.style))


def style_of(stream: TextIO, environment: Mapping[str, str]) -> Style:
    """How to write to ``stream``: plain and without end unless it is a terminal (no-color.org)."""
    encoding = (stream.encoding or "").lower().replace("-", "")
    unicode = encoding.startswith("utf")
    if not stream.isatty():
        return Style(unicode=unicode)
    colour = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
    return Style(colour, _width(stream, environment), unicode)


def plain(value: Any) -> Any:
    """``value`` as JSON has it: rows are objects with the names of their fields."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: plain(item) for name, item in value._asdict().items()}
    if hasattr(value, "items"):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def _document(data: Any) -> str:
    # Not needed where a person looks on.
    from json import dumps  # noqa: PLC0415

    return dumps(plain(data))


def _width(stream: TextIO, environment: Mapping[str, str]) -> int:
    """Columns of the terminal; COLUMNS has the last word (environ(7))."""
    given = environment.get("COLUMNS", "")
    if given.isdecimal() and len(given) <= _MOST_DIGITS:
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except OSError:
        return 0
