"""``kmoddctl check [FILE...]``: what is wrong with files, without a daemon. Only here pydantic is known."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from kmodd.cli.offline.findings import issue_line
from kmodd.cli.offline.target import Target, infos_of, target_of
from kmodd.cli.terminal.output import Options, Output
from kmodd.cli.terminal.render import Style
from kmodd.config.check import checked
from kmodd.config.compile import compile_files
from kmodd.config.issues import Code
from kmodd.config.last_good import LastGood
from kmodd.config.layers import SUFFIX, scan
from kmodd.config.paths import ConfigPaths
from kmodd.core.against_kernel import kernel_issues
from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import Declaration, Settings
from kmodd.named_tuple import NamedTuple
from kmodd.shown import Issue, Severity

# What the daemon does about a file that is wrong is no finding about the file.
_OF_THE_DAEMON = (Code.LAST_GOOD_USED.value, Code.LEFT_OUT.value)
_LISTS = ("after", "before", "requires", "wants", "conflicts", "replaces")


class Checked(NamedTuple):
    """Issues of so many ``files``, and what they declare."""

    issues: tuple[Issue, ...]
    files: int
    declarations: tuple[Declaration, ...] = ()
    settings: Settings = Settings()


def check(options: Options, output: Output) -> int:
    """Issues of the files, or of what is configured; the exit status of INVALID_CONFIG if any is an error.

    With ``--strict`` a warning counts as one. Raises as target_of.
    """
    target = target_of(options)
    found = _given(options.files) if options.files else configured(target.config)
    issues = tuple(
        sorted((*found.issues, *_of_kernel(target, found, options)), key=lambda each: each.location)
    )
    if options.sarif:
        # Not needed where a person looks on.
        from kmodd.cli.offline.sarif import sarif  # noqa: PLC0415

        output._replace(json=True).show(sarif(issues), lambda _style: ())
    else:
        output.show(issues, lambda style: _lines(issues, found.files, style))
    wrong = any(options.strict or issue.severity is Severity.ERROR for issue in issues)
    return ErrorKind.INVALID_CONFIG.exit_status if wrong else 0


def configured(paths: ConfigPaths) -> Checked:
    """All directories and the settings, as the daemon finds them."""
    found = scan(paths)
    catalog = compile_files(found, LastGood()).catalog
    own = tuple(issue for issue in catalog.issues if issue.code not in _OF_THE_DAEMON)
    count = len(found.visible) + (found.settings is not None)
    return Checked(own, count, catalog.declarations, catalog.settings)


def _given(names: Iterable[str]) -> Checked:
    """Files together as if no others were there; a directory stands for what is in it."""
    files = [file for name in names for file in _expanded(Path(name))]
    issues, declarations = checked(files)
    return Checked(issues, len(files), declarations)


def _of_kernel(target: Target, found: Checked, options: Options) -> tuple[Issue, ...]:
    """What the kernel's module tree does not know; modprobe.d has a say where files are in force only.

    Without a tree, or libkmod, nothing is known, which is an error for whoever has named a kernel.
    """
    named = options.kernel is not None
    if not target.release:
        return ()
    in_force = not options.files
    names = {d.name for d in found.declarations}
    names.update(name for d in found.declarations for key in _LISTS for name in getattr(d, key))
    with_parameters = {d.name for d in found.declarations if d.parameters}
    known = target._replace(modprobe_file=found.settings.modprobe_file)
    try:
        infos = infos_of(known, sorted(names), with_parameters, with_conf=in_force)
    except KmoddError as error:
        if named or error.kind is not ErrorKind.NO_LIBKMOD:
            raise
        return ()
    return kernel_issues(found.declarations, infos, target.command_line() if in_force else ())


def _expanded(path: Path) -> list[Path]:
    """The drop-ins of a directory; whatever cannot be listed is itself what is to be read."""
    try:
        names = os.listdir(path)
    except OSError:
        return [path]
    return [path / name for name in sorted(names) if name.endswith(SUFFIX) and not name.startswith(".")]


def _lines(issues: tuple[Issue, ...], count: int, style: Style) -> Iterator[str]:
    """A line each, then how many."""
    yield from (issue_line(issue, style) for issue in issues)
    errors = sum(issue.severity is Severity.ERROR for issue in issues)
    yield f"{_number(count, 'file')}: {_number(errors, 'error')}, {_number(len(issues) - errors, 'warning')}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
