"""Codes of what can be wrong with the configuration, and the short way to say it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from os import PathLike

from kmodd.named_tuple import NamedTuple
from kmodd.names import printable
from kmodd.shown import Issue, Location, Severity

_MAX_LISTED = 10
_MAX_TEXT = 4000


class Code(StrEnum):
    """Stable code of an issue (kmodd.d(5)); each has a case in tests/golden/config."""

    # The file or its directory cannot be believed or read.
    UNREADABLE = "unreadable"
    NOT_A_FILE = "not-a-file"
    NOT_A_DIRECTORY = "not-a-directory"
    UNSAFE_OWNER = "unsafe-owner"
    UNSAFE_MODE = "unsafe-mode"
    LINK_LOOP = "link-loop"
    BAD_FILE_NAME = "bad-file-name"
    TOO_LARGE = "too-large"
    TOO_MANY_FILES = "too-many-files"
    # The text is not what the language allows.
    NOT_UTF8 = "not-utf8"
    SYNTAX = "syntax"
    TOO_DEEP = "too-deep"
    UNKNOWN_KEY = "unknown-key"
    WRONG_TYPE = "wrong-type"
    BAD_VALUE = "bad-value"
    BAD_NAME = "bad-name"
    DUPLICATE = "duplicate"
    NAMES_ITSELF = "names-itself"
    TOO_MANY_ERRORS = "too-many-errors"
    # Each file is right and together they are not.
    DENIED_BUT_REQUIRED = "denied-but-required"
    ORDER_CYCLE = "order-cycle"
    CONFLICTS_WITH_REQUIRED = "conflicts-with-required"
    REPLACED_BUT_LOADED = "replaced-but-loaded"
    REPLACED_BUT_REQUIRED = "replaced-but-required"
    READY_INCOMPLETE = "ready-incomplete"
    WHEN_GONE_INCOMPLETE = "when-gone-incomplete"
    TOO_MANY_MODULES = "too-many-modules"
    # What became of a refused file, and of what kmodd remembers (warnings).
    LAST_GOOD_USED = "last-good-used"
    LEFT_OUT = "left-out"
    LAST_GOOD_DAMAGED = "last-good-damaged"
    LAST_GOOD_NOT_KEPT = "last-good-not-kept"


class Refused(Exception):
    """A file or directory is not to be believed: code, one sentence, what to do."""

    def __init__(self, code: Code, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def issue(self, path: str | PathLike[str]) -> Issue:
        """The refusal as an error about ``path`` as a whole."""
        return error(self.code, self.message, self.hint, place(path))


class Contradiction(NamedTuple):
    """What cannot hold together: one of the places must change, the message names them all."""

    code: Code
    message: str
    hint: str
    places: tuple[Location, ...]


def place(path: str | PathLike[str], line: int = 0, column: int = 0) -> Location:
    """A location whose file name can be shown; file names are as hostile as any other text."""
    return Location(printable(str(path)), line, column)


def error(code: Code, message: str, hint: str, location: Location) -> Issue:
    """An issue that refuses the file."""
    return Issue(Severity.ERROR, code.value, _bounded(message), _bounded(hint), location)


def warning(code: Code, message: str, hint: str, location: Location) -> Issue:
    """An issue that a person should know of and that refuses nothing."""
    return Issue(Severity.WARNING, code.value, _bounded(message), _bounded(hint), location)


def _bounded(text: str) -> str:
    """A sentence that can be shown: what a file holds makes it neither odd nor endless."""
    shown = printable(text)
    return shown if len(shown) <= _MAX_TEXT else f"{shown[:_MAX_TEXT]}..."


def joined(parts: Sequence[str]) -> str:
    """A list in a sentence; what makes it endless is only counted."""
    more = len(parts) - _MAX_LISTED
    return ", ".join(parts) if more <= 0 else f"{', '.join(parts[:_MAX_LISTED])} and {more} more"
