"""Bytes -> TOML tables with the place of every key; all that can be wrong before keys mean anything."""

from __future__ import annotations

import re
from typing import Any

import tomli

from kmodd.config.fragment import Document
from kmodd.config.issues import Code, error, place
from kmodd.config.locate import MAX_DEPTH, Misplaced, Places, line_and_column, line_starts, locate
from kmodd.config.syntax import HINT, finding
from kmodd.named_tuple import NamedTuple
from kmodd.shown import Issue

# Before tomli 2.3 the time for a dotted key grew with the square of its parts; none of ours has many.
_PART = r"""\.[ \t]*+(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_LONG_KEY = re.compile(rf"(?:{_PART}){{{2 * MAX_DEPTH}}}")
_DIGITS = re.compile("[0-9][0-9_]{4000}")


class Parsed(NamedTuple):
    """A document's tables as tomli gives them, and where everything stands."""

    document: Document
    tables: dict[str, Any]
    places: Places


class Invalid(Exception):
    """The text is no valid file, for all these reasons."""

    def __init__(self, *issues: Issue) -> None:
        super().__init__(*(issue.message for issue in issues))
        self.issues = issues


def decode(file: str, data: bytes) -> Document:
    r"""The text of a file, line ends ``\n``; raises Invalid."""
    try:
        return Document(file, data.decode("utf-8").replace("\r\n", "\n"))
    except UnicodeDecodeError as bad:
        line = data.count(b"\n", 0, bad.start) + 1
        column = len(data[data.rfind(b"\n", 0, bad.start) + 1 : bad.start].decode("utf-8")) + 1
        message = f"byte 0x{data[bad.start]:02x} is not UTF-8"
        issue = error(Code.NOT_UTF8, message, "save the file as UTF-8", place(file, line, column))
        raise Invalid(issue) from None


def parse_toml(document: Document) -> Parsed:
    """Tables and places of a TOML 1.0 document; raises Invalid."""
    try:
        if long_key := _LONG_KEY.search(document.text):
            raise Misplaced(long_key.start(), "this key has too many parts", too_deep=True)
        tables = tomli.loads(document.text)
        return Parsed(document, tables, locate(document.text))
    except tomli.TOMLDecodeError as bad:
        found = finding(document.text, bad)
        raise Invalid(error(Code.SYNTAX, found.message, found.hint, document.at(found.place))) from None
    except Misplaced as bad:
        code = Code.TOO_DEEP if bad.too_deep else Code.SYNTAX
        where = line_and_column(line_starts(document.text), bad.offset)
        raise _invalid(document, code, bad.message, where) from None
    except RecursionError:
        raise _invalid(document, Code.TOO_DEEP, "arrays and tables nest too deep", (0, 0)) from None
    except ValueError:
        # Python's own limit for the digits of a number (sys.set_int_max_str_digits).
        digits = _DIGITS.search(document.text)
        where = line_and_column(line_starts(document.text), digits.start() if digits else 0)
        raise _invalid(document, Code.SYNTAX, "this number has thousands of digits", where) from None


def _invalid(document: Document, code: Code, message: str, where: tuple[int, int]) -> Invalid:
    hint = HINT if code is Code.SYNTAX else "nothing here needs that"
    return Invalid(error(code, message, hint, document.at(where)))
