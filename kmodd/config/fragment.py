"""What one file says, validated: rows of module, key and value that merge by simple replacement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import Location, Source

# Row of the table itself, so that an empty ``[module.NAME]`` has a place too.
TABLE = ""


class Row(NamedTuple):
    """One value as the model wants it, with its provenance; ``before`` is what it took the place of."""

    value: Any
    source: Source
    before: Row | None = None


# "parameters.NAME", "when.KEY", "ready.KEY", any other key of a module's table, or TABLE -> its value.
Rows = Mapping[str, Row]


class Fragment(NamedTuple):
    """A valid drop-in; ``name`` is its file name, which decides the order and what it hides."""

    name: str
    modules: Mapping[ModuleName, Rows]


class Document(NamedTuple):
    """Text of a file, already decoded, and where it comes from."""

    file: str
    text: str

    def at(self, line_and_column: tuple[int, int]) -> Location:
        """A place in it."""
        return Location(self.file, *line_and_column)
