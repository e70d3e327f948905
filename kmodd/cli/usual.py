"""Command lines that can be read in one way only, without argparse, which takes as long as all of ``status``.

A command by its full name, its words in one piece, its flags by their full names: such a line says the same
to whoever reads it. Every other one, right or wrong, is argparse's (``kmodd.cli.parser``), and so is all that
people are told about it.
"""

from __future__ import annotations

from kmodd.cli.commands import COMMANDS, DEFAULT, Command
from kmodd.cli.terminal.output import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_JSON = "--json"


def read(line: Sequence[str]) -> Options | None:
    """What argparse makes of the line as well, or None where only it can tell."""
    begin = next((at for at, word in enumerate(line) if word != _JSON), len(line))
    name = line[begin] if begin < len(line) else DEFAULT
    command = next((each for each in COMMANDS if each.name == name), None)
    values = _Arguments(command).read(line[begin + 1 :]) if command is not None else None
    if command is None or values is None:
        return None
    return Options(
        **{"json": begin > 0} | values,
        command=name,
        module_name=command.module,
        function=command.function,
    )


class _Arguments:
    """Takes, in the place of an ArgumentParser, what a command says of its arguments."""

    def __init__(self, command: Command) -> None:
        self._words: list[str] = []
        self._least = 0
        self._flags = {_JSON: "json"}
        self._values: dict[str, Any] = {}
        self._is_plain = True
        command.arguments(self)

    def add_argument(self, name: str, /, **about: Any) -> None:
        """As ArgumentParser has it. What has a form of its own is not read here."""
        field = _field(name)
        if about.get("action") == "store_true":
            self._flags[name] = field
            self._values[field] = False
            return
        self._values[field] = about.get("default")
        if field == name:
            nargs = about.get("nargs")
            self._words.append(name)
            self._least += nargs != "?"
            self._is_plain &= nargs in (None, "?") and not about.keys() & {"type", "choices"}

    def add_mutually_exclusive_group(self) -> _Exclusive:
        """Options of which one excludes another."""
        return _Exclusive(self._values)

    def read(self, line: Sequence[str]) -> dict[str, Any] | None:
        """The values, or None."""
        places = [at for at, word in enumerate(line) if not word.startswith("-")]
        flags = [word for word in line if word.startswith("-")]
        is_known = self._is_plain and self._flags.keys() >= set(flags)
        is_one_piece = not places or places[-1] - places[0] < len(places)
        if not (is_known and is_one_piece and self._least <= len(places) <= len(self._words)):
            return None
        words = dict(zip(self._words, (line[at] for at in places), strict=False))
        return self._values | words | {self._flags[flag]: True for flag in flags}


class _Exclusive:
    """Notes what they are without being given; who gives one is for argparse to judge."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def add_argument(self, name: str, /, **_about: Any) -> None:
        """A flag, as all in groups are."""
        self._values[_field(name)] = False


def _field(name: str) -> str:
    """Where argparse puts the value of an argument."""
    return name.lstrip("-").replace("-", "_")
