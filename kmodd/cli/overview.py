"""``kmoddctl status`` and ``kmoddctl list``: how all modules stand."""

from argparse import Namespace
from collections.abc import Iterable

from kmodd.cli.connect import ask
from kmodd.cli.manager import IssueText, Overview, Row
from kmodd.cli.output import NOT_IN_ORDER, Output
from kmodd.cli.render import BOLD, RED, Cell, Style, columns, dot, paint, table
from kmodd.cli.tones import CONDITIONS, STATES, in_order, toned
from kmodd.names import printable
from kmodd.shown import DaemonState

_HEADER = ("MODULE", "DESIRED", "STATE", "CONDITION", "MESSAGE")


def status(options: Namespace, output: Output) -> int:
    """The dashboard, or everything about one module."""
    if options.module is not None:
        from kmodd.cli.module import module_status  # noqa: PLC0415  not needed for the dashboard

        return module_status(options.module, output)
    with ask() as manager:
        overview, rows = manager.overview(), manager.modules()
    output.show({**overview._asdict(), "modules": rows}, lambda style: _dashboard(overview, rows, style))
    return 0 if overview.converged and overview.state != DaemonState.DEGRADED else NOT_IN_ORDER


def list_modules(_options: Namespace, output: Output) -> int:
    """Every managed module, a row each."""
    with ask() as manager:
        rows = manager.modules()
    output.show(rows, lambda style: table(_HEADER, map(_cells, rows), style) if rows else ())
    return 0


def _dashboard(overview: Overview, rows: tuple[Row, ...], style: Style) -> Iterable[str]:
    """What is wrong first, and why; then the rest."""
    tone = STATES.get(overview.state, RED)
    wrong = [row for row in rows if not in_order(row.condition)]
    right = [row for row in rows if in_order(row.condition)]
    state = paint(overview.state, tone, style)
    refused = ", and files have errors" if overview.state == DaemonState.DEGRADED and not wrong else ""
    yield f"{dot(tone, style)} kmodd is {state}: {_count(rows, wrong)}{refused}"
    yield _details(overview)
    yield from _section("Configuration", _issues(overview.config_issues, style), style)
    yield from _section("Not as declared", columns(map(_short, wrong), style, 2) if wrong else [], style)
    yield from _section("As declared", columns(map(_short, right), style, 2) if right else [], style)


def _count(rows: tuple[Row, ...], wrong: list[Row]) -> str:
    if not rows:
        return "no file declares a module"
    number = f"{len(rows)} module{'s' if len(rows) > 1 else ''}"
    return f"{number}, {len(wrong)} not as declared" if wrong else f"{number}, all as declared"


def _details(overview: Overview) -> str:
    paused = ", enforcement is paused" if overview.paused else ""
    paused += "" if overview.enforcing else ", only reporting (enforce is off)"
    kernel = printable(overview.kernel_release)
    return (
        f"  version {printable(overview.version)}, kernel {kernel}, generation {overview.generation}{paused}"
    )


def _section(title: str, lines: list[str], style: Style) -> Iterable[str]:
    return ("", paint(title, BOLD, style), *lines) if lines else ()


def _issues(issues: tuple[IssueText, ...], style: Style) -> list[str]:
    """Where, as compilers write it; what is wrong in no file is wrong with kmodd."""
    rows = [(Cell(f"{str(issue.location) or 'kmodd'}:", BOLD), Cell(issue.message)) for issue in issues]
    return columns(rows, style, 2) if rows else []


def _cells(row: Row) -> tuple[Cell, ...]:
    return (
        Cell(row.name, BOLD),
        Cell(row.desired or "-"),
        Cell(row.state),
        toned(row.condition, CONDITIONS),
        Cell(row.message),
    )


def _short(row: Row) -> tuple[Cell, ...]:
    return Cell(row.name, BOLD), toned(row.condition, CONDITIONS), Cell(row.message)
