"""What tomli refuses, in words of ours: what is wrong, what to write instead, and where."""

from __future__ import annotations

import re

import tomli

from kmodd.config.locate import Misplaced, line_and_column, line_starts, repetition
from kmodd.config.toml_text import dotted
from kmodd.named_tuple import NamedTuple

HINT = "files are TOML 1.0 (toml.io)"


class Finding(NamedTuple):
    """One sentence, what to do, and line and column from 1."""

    message: str
    hint: str
    place: tuple[int, int]


# Beginnings of tomli's messages, whichever quotes it uses, and ours.
_SENTENCES = (
    ("Invalid statement", "this is neither a table nor a key", "write [module.NAME] or key = value"),
    ("Expected newline", "there is more in the line after the value", "begin a new line, or mend the value"),
    ("Expected .]. at", "the ']' after a table's name is missing", "write [module.NAME]"),
    ("Expected .]]. at", "the ']]' after the name of an array of tables is missing", "write [[NAME]]"),
    (
        "Expected .=. after",
        "the '=' after a key is missing",
        "write key = value; blanks in a key need quotes",
    ),
    ("Invalid initial character", "a key is missing", "use letters, digits, '_' and '-', or quotes"),
    ("Invalid value", "this is no value", "put text in quotes, and write true and false in small letters"),
    ("Unclosed array", "the array goes on without ',' or ']'", "put commas between its values"),
    (
        "Unclosed inline table",
        "the table goes on without ',' or '}'",
        "put commas between its keys",
    ),
    ("Unescaped", "a single backslash stands in double quotes", "write two of them, or use single quotes"),
    ("Invalid hex value", "this escape lacks digits", r"write \u and 4, or \U and 8 hexadecimal digits"),
    ("Escaped character", "this escape is no character of Unicode", "write the character itself"),
    ("Illegal character '.n'", "the string does not end in its line", "close it, or use three quotes"),
    ("(Illegal|Found invalid) character", "a control character stands here", "take it out"),
    ("Unterminated string|Expected .'", "the string does not end", "close it with the quotes that opened it"),
    ("Invalid date", "there is no such date or time", "put text in quotes"),
)
_REPEATED = re.compile("Cannot (declare|overwrite|mutate|redefine)|Duplicate inline table key")


def finding(text: str, refused: tomli.TOMLDecodeError) -> Finding:
    """Why tomli refused ``text``."""
    if _REPEATED.match(refused.msg):
        return _repeated(text, refused)
    place = _inside(text, refused)
    for beginning, message, hint in _SENTENCES:
        if re.match(beginning, refused.msg):
            return Finding(message, hint, place)
    return _in_its_words(refused.msg, place)


def _inside(text: str, refused: tomli.TOMLDecodeError) -> tuple[int, int]:
    """Where tomli stood; that can be beyond the end, where a backslash is the last character."""
    return line_and_column(line_starts(text), min(refused.pos, len(text)))


def _repeated(text: str, refused: tomli.TOMLDecodeError) -> Finding:
    try:
        found = repetition(text, refused.pos)
    except Misplaced:
        found = None
    if found is None:
        return _in_its_words(refused.msg, _inside(text, refused))
    path, line = dotted(found.path), found.first[0]
    if found.before != found.path:
        message = f"'{dotted(found.before)}' is complete since line {line}, so nothing can be added to it"
        return Finding(message, "write all of it in one place", found.place)
    if found.is_header:
        message = f"table [{path}] is declared twice; the first one is in line {line}"
        return Finding(message, "make one of them", found.place)
    return Finding(f"'{path}' is given twice; the first one is in line {line}", "take one out", found.place)


def _in_its_words(message: str, place: tuple[int, int]) -> Finding:
    return Finding(f"not TOML: {message[:1].lower()}{message[1:]}", HINT, place)
