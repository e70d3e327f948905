"""``kmoddctl check [FILE...]``: what is wrong with files, without a daemon. Only here pydantic is known."""

import os
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path

from kmodd.cli.output import Output
from kmodd.cli.render import BOLD, Style, paint
from kmodd.cli.tones import SEVERITIES
from kmodd.config.check import check as check_alone
from kmodd.config.compile import compile_files
from kmodd.config.issues import Code
from kmodd.config.last_good import LastGood
from kmodd.config.layers import SUFFIX, scan
from kmodd.config.paths import ConfigPaths
from kmodd.errors import ErrorKind
from kmodd.names import printable
from kmodd.shown import Issue, Severity

# What the daemon does about a file that is wrong is no finding about the file.
_OF_THE_DAEMON = (Code.LAST_GOOD_USED.value, Code.LEFT_OUT.value)


def check(options: Namespace, output: Output) -> int:
    """Issues of the files, or of what is configured; the exit status of INVALID_CONFIG if any is an error."""
    issues, count = _given(options.files) if options.files else configured(ConfigPaths())
    output.show(issues, lambda style: _lines(issues, count, style))
    wrong = any(issue.severity is Severity.ERROR for issue in issues)
    return ErrorKind.INVALID_CONFIG.exit_status if wrong else 0


def configured(paths: ConfigPaths) -> tuple[tuple[Issue, ...], int]:
    """Issues of all directories and the settings, as the daemon finds them, and the number of files."""
    found = scan(paths)
    issues = compile_files(found, LastGood()).catalog.issues
    own = tuple(issue for issue in issues if issue.code not in _OF_THE_DAEMON)
    return own, len(found.visible) + (found.settings is not None)


def _given(names: Iterable[str]) -> tuple[tuple[Issue, ...], int]:
    """Issues of files, together as if no others were there; a directory stands for what is in it."""
    files = [file for name in names for file in _expanded(Path(name))]
    return check_alone(files), len(files)


def _expanded(path: Path) -> list[Path]:
    """The drop-ins of a directory; whatever cannot be listed is itself what is to be read."""
    try:
        names = os.listdir(path)
    except OSError:
        return [path]
    return [path / name for name in sorted(names) if name.endswith(SUFFIX) and not name.startswith(".")]


def _lines(issues: tuple[Issue, ...], count: int, style: Style) -> Iterator[str]:
    """A line each as compilers write it, never broken: editors read it."""
    for issue in issues:
        place = paint(f"{issue.location}:", BOLD, style)
        severity = paint(f"{issue.severity}:", SEVERITIES[issue.severity], style)
        hint = f" ({issue.hint})" if issue.hint else ""
        yield f"{place} {severity} {printable(issue.message + hint)} [{issue.code}]"
    errors = sum(issue.severity is Severity.ERROR for issue in issues)
    yield f"{_number(count, 'file')}: {_number(errors, 'error')}, {_number(len(issues) - errors, 'warning')}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
