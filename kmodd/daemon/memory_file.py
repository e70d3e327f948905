"""What of the memory of this boot outlives the process: a document, and a line for each load since then.

A line costs the same however many loads there were before it. Each has a number, and the document that of the
last line that it covers, so that lines which a killed process left beside a newer document mean nothing.
A damaged file is as none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from kmodd.action import ActionKind
from kmodd.core.memory import Crash, LoadRecord
from kmodd.files import write_atomically
from kmodd.kernel.reading import read_regular
from kmodd.model import Parameter
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, is_module_name
from kmodd.shown import Stage

FORMAT: Final = 3
_MOST: Final = (1 << 63) - 1
_MOST_LINES: Final = 256
_MOST_BYTES: Final = 64 << 20
_DAMAGE: Final = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


class Kept(NamedTuple):
    """All of it; fields as in ``core.memory.Memory``."""

    loads: Mapping[ModuleName, LoadRecord] = {}
    owed: Collection[ModuleName] = frozenset()
    met: Collection[ModuleName] = frozenset()
    crashes: Mapping[ModuleName, Crash] = {}


class MemoryFile:
    """The document at ``path``, and the lines beside it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = path.with_suffix(".jsonl")
        self._last = 0
        """Number of the last line."""
        self._room = 0
        """How many more lines there may be before the document is written again; none before it ever was."""

    def read(self) -> Kept:
        """What was kept, as far as it can be read."""
        lines = self._read_lines()
        # Whatever the document is worth: the next one covers all of them.
        self._last = max((number for number, _ in lines), default=0)
        try:
            document = json.loads(read_regular(self._path, _MOST_BYTES) or b"")
            if document["format"] != FORMAT:
                return Kept()
            # An older kmodd knows of no lines, so they were there before its document.
            covered = _number(document.get("lines", self._last))
            loads = dict(_loads(document["loads"]))
            kept = Kept(
                loads,
                _names(document["owed"]),
                _names(document["met"]),
                dict(_crashes(document["crashes"])),
            )
        except _DAMAGE:
            return Kept()
        for number, rows in lines:
            if number > covered:
                with suppress(*_DAMAGE):
                    loads.update(_loads(rows))
        self._last = max(self._last, covered)
        return kept

    def write(self, kept: Kept) -> None:
        """Keep this instead of all that was kept before. Raises OSError."""
        self._room = 0
        document = {
            "format": FORMAT,
            "lines": self._last,
            "loads": {name: _row(record) for name, record in kept.loads.items()},
            "owed": sorted(kept.owed),
            "met": sorted(kept.met),
            "crashes": dict(kept.crashes),
        }
        write_atomically(self._path, json.dumps(document).encode())
        self._lines.unlink(missing_ok=True)
        self._room = _MOST_LINES

    def add_load(self, module: ModuleName, record: LoadRecord) -> bool:
        """Keep one more load; false if it is time to write everything again. Raises OSError."""
        if not self._room:
            return False
        room, self._room = self._room, 0  # what is not kept now is part of the next document
        self._last += 1
        line = json.dumps({"line": self._last, "loads": {module: _row(record)}})
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._lines, flags, 0o600)
        try:
            # The newline comes first: whatever became of the line before it is not part of this one.
            raw = b"\n" + line.encode()
            if os.write(descriptor, raw) != len(raw):
                return False
        finally:
            os.close(descriptor)
        self._room = room - 1
        return True

    def _read_lines(self) -> list[tuple[int, Any]]:
        """The number of each line, and what it says of loads."""
        lines = []
        for line in (read_regular(self._lines, _MOST_BYTES) or b"").split(b"\n"):
            with suppress(*_DAMAGE):
                row = json.loads(line)
                lines.append((_number(row["line"]), row["loads"]))
        return lines


def _row(record: LoadRecord) -> dict[str, Any]:
    """A record without the kernel's messages, which are for the moment."""
    return record._replace(messages=())._asdict()


def _loads(rows: Mapping[str, dict[str, Any]]) -> Iterable[tuple[ModuleName, LoadRecord]]:
    return [(ModuleName(name), _record(row)) for name, row in rows.items() if is_module_name(name)]


def _crashes(rows: Mapping[str, tuple[str, Iterable[str]]]) -> Iterable[tuple[ModuleName, Crash]]:
    return [
        (ModuleName(name), Crash(ActionKind(kind), tuple(map(str, messages))))
        for name, (kind, messages) in rows.items()
        if is_module_name(name)
    ]


def _record(row: dict[str, Any]) -> LoadRecord:
    return LoadRecord(
        instance=_number(row["instance"]),
        parameters=_parameters(row["parameters"]),
        loaded_us=_number(row["loaded_us"]),
        duration_us=_number(row["duration_us"]),
        shown=_parameters(row["shown"]),
        stages=tuple(Stage(str(name), _number(duration_us)) for name, duration_us in row["stages"]),
        ignored=_parameters(row.get("ignored", ())),  # an older kmodd did not keep them
    )


def _number(value: Any) -> int:
    """One that the bus can carry; raises ValueError."""
    number = int(value)
    if not 0 <= number <= _MOST:
        raise ValueError(f"{number} is no count of this boot")
    return number


def _parameters(rows: Iterable[tuple[str, str]]) -> tuple[Parameter, ...]:
    return tuple(Parameter(str(name), str(value)) for name, value in rows)


def _names(names: Iterable[str]) -> frozenset[ModuleName]:
    return frozenset(ModuleName(name) for name in names if is_module_name(name))
