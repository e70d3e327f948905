"""Issues as a SARIF 2.1.0 log (OASIS), which forges show beside the lines of a change."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from kmodd import __version__
from kmodd.names import printable
from kmodd.shown import Issue, Location

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(issues: Iterable[Issue]) -> dict[str, Any]:
    """A log of one run; a rule for each code that occurs."""
    issues = tuple(issues)
    codes = sorted({issue.code for issue in issues})
    driver = {
        "name": "kmoddctl check",
        "semanticVersion": __version__,
        "rules": [{"id": code, "shortDescription": {"text": f"{code}, see kmodd.d(5)"}} for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(issue, codes.index(issue.code)) for issue in issues],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(issue: Issue, rule: int) -> dict[str, Any]:
    hint = f" ({issue.hint})" if issue.hint else ""
    return {
        "ruleId": issue.code,
        "ruleIndex": rule,
        "level": issue.severity.value,
        "message": {"text": printable(issue.message + hint)},
        "locations": [{"physicalLocation": _place(issue.location)}] if issue.location.file else [],
    }


def _place(location: Location) -> dict[str, Any]:
    """A file as a URI, relative ones below wherever the command was run; a region where one is known."""
    path = quote(location.file)
    place: dict[str, Any] = {"artifactLocation": {"uri": f"file://{path}" if path[0] == "/" else path}}
    if location.line:
        place["region"] = {"startLine": location.line}
        if location.column:
            place["region"]["startColumn"] = location.column
    return place
