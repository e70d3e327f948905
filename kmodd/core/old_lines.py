"""Lines of modprobe.d, modules-load.d and the kernel command line, and what becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kmodd.model import ModuleInfo
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import EMPTY, Location

LOAD: Final = "load"
"""Command of a line of modules-load.d, and of a name in ``modules_load=``."""
WORD: Final = "word"
"""Command of a word of the kernel command line."""
UNREAD: Final = ""
"""Command of a line that libkmod does not understand."""


class OldLine(NamedTuple):
    """A line of a file, or a word of the kernel command line.

    ``command`` is that of modprobe.d(5), LOAD, WORD or UNREAD; ``subject`` what it is about, canonical where
    libkmod makes it so; ``text`` all of it. ``refuses``: an install command that only keeps its module out.
    ``before`` and ``after`` are the names of a softdep.
    """

    location: Location
    command: str
    subject: str = ""
    argument: str = ""
    text: str = ""
    refuses: bool = False
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Known(NamedTuple):
    """What the module tree says. ``loads``: what asking for a name loads, of names to be loaded and of those
    with options; ``softdeps``: modules that have some of their own; ``matches``: fnmatch(3), pattern and
    name; ``has_tree``: whether there is any.
    """

    matches: Callable[[str, str], bool]
    infos: Mapping[ModuleName, ModuleInfo] = EMPTY
    loads: Mapping[str, tuple[ModuleName, ...]] = EMPTY
    softdeps: frozenset[str] = frozenset()
    has_tree: bool = True


class Value(NamedTuple):
    """A key of a module's table, its value, and the lines that it comes of."""

    key: str
    value: str | tuple[str, ...]
    lines: tuple[OldLine, ...]


class Table(NamedTuple):
    """What is declared of a module; ``notes`` are sentences about what is another than it was."""

    name: ModuleName
    values: tuple[Value, ...]
    notes: tuple[str, ...] = ()


class Kept(NamedTuple):
    """A line that stays what it is, and why."""

    line: OldLine
    reason: str


class Conversion(NamedTuple):
    """Everything that was said, once: in a table, kept, or ``spent`` (without effect before and after)."""

    tables: tuple[Table, ...] = ()
    kept: tuple[Kept, ...] = ()
    spent: tuple[Kept, ...] = ()
