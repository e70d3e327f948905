"""Issues of files as lines: place, severity, sentence and code, as compilers write them."""

from kmodd.cli.terminal.render import BOLD, Style, paint
from kmodd.cli.terminal.tones import SEVERITIES
from kmodd.names import printable
from kmodd.shown import Issue


def issue_line(issue: Issue, style: Style) -> str:
    """One issue, never broken: editors read it."""
    place = paint(f"{issue.location}:", BOLD, style)
    severity = paint(f"{issue.severity}:", SEVERITIES[issue.severity], style)
    hint = f" ({issue.hint})" if issue.hint else ""
    return f"{place} {severity} {printable(issue.message + hint)} [{issue.code}]"
