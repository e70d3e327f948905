"""What pydantic refused, in words of the language: key, what is wrong with it, what to write instead."""

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from kmodd.config.issues import Code, error
from kmodd.config.reading import Parsed
from kmodd.config.schema import SettingsTable, Table, known_keys
from kmodd.config.toml_text import KeyPath, dotted
from kmodd.config.values import toml_type
from kmodd.shown import Issue

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MAX_ERRORS = 50

# pydantic's kind of error -> what it wants instead, how to write that.
_EXPECTED = {
    "string_type": ("a string", "put it in quotes"),
    "enum": ("a string", "put it in quotes"),
    "literal_error": ("a string", "put it in quotes"),
    "bool_type": ("true or false", "write it without quotes"),
    "int_type": ("an integer", "write digits without quotes"),
    "tuple_type": ("an array", "put it in brackets"),
    "dict_type": ("a table", "write { key = value }"),
    "model_type": ("a table", "write { key = value }"),
}
_KEY_MARK = "[key]"  # pydantic's last element of the place of a dictionary's key


def issues_of(parsed: Parsed, root: type[Table], refused: ValidationError) -> list[Issue]:
    """One issue an error, in order of their places, at most MAX_ERRORS."""
    details = refused.errors(include_url=False)
    issues = sorted((_issue(parsed, root, detail) for detail in details), key=_where)
    if len(issues) > MAX_ERRORS:
        message = f"there are {len(issues) - MAX_ERRORS} more errors"
        more = error(Code.TOO_MANY_ERRORS, message, "mend these first", issues[MAX_ERRORS].location)
        issues[MAX_ERRORS:] = [more]
    return issues


def did_you_mean(word: str, known: tuple[str, ...]) -> str:
    """A hint: the nearest of ``known``, or all of them."""
    nearest = get_close_matches(word, known, n=1)
    return f"did you mean '{nearest[0]}'?" if nearest else f"known here: {', '.join(known)}"


def _issue(parsed: Parsed, root: type[Table], detail: "ErrorDetails") -> Issue:
    path = _path(parsed.tables, detail["loc"])
    is_key = detail["type"] == "extra_forbidden" or detail["loc"][-1:] == (_KEY_MARK,)
    where = parsed.places.key(path) if is_key else parsed.places.value(path)
    code, predicate, hint = _finding(root, path, detail)
    message = f"unknown key '{dotted(path)}'" if code is Code.UNKNOWN_KEY else f"'{dotted(path)}' {predicate}"
    return error(code, message, hint, parsed.document.at(where))


def _finding(root: type[Table], path: KeyPath, detail: "ErrorDetails") -> tuple[Code, str, str]:
    """Code, the predicate of the sentence, and what to do."""
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "refused":
        return context["code"], context["predicate"], context["hint"]
    if kind == "extra_forbidden":
        return Code.UNKNOWN_KEY, "", did_you_mean(str(path[-1]), known_keys(root, path[:-1]))
    if kind in ("enum", "literal_error") and isinstance(given, str):
        known = tuple(re.findall("'([^']*)'", context["expected"]))
        return Code.BAD_VALUE, f'cannot be "{given[:40]}"', did_you_mean(given, known)
    if kind in _EXPECTED:
        expected, hint = _EXPECTED[kind]
        hint = f'write ["{given[:60]}"]' if kind == "tuple_type" and isinstance(given, str) else hint
        return Code.WRONG_TYPE, f"must be {expected}, not {toml_type(given)}", hint
    manual = "kmodd.toml(5)" if root is SettingsTable else "kmodd.d(5)"
    return Code.BAD_VALUE, detail["msg"].replace("Input should", "must", 1), f"see {manual}"


def _path(tables: Any, place: KeyPath) -> KeyPath:
    """The place that pydantic tells, as keys of the document: a single entry has no index there."""
    path: list[str | int] = []
    value = tables
    for part in place:
        if isinstance(part, int) and not isinstance(value, list):
            continue
        if part == _KEY_MARK and not (isinstance(value, dict) and part in value):
            continue
        path.append(part)
        value = value.get(part) if isinstance(value, dict) else value[part]
    return tuple(path)


def _where(issue: Issue) -> tuple[int, int]:
    return issue.location.line, issue.location.column
