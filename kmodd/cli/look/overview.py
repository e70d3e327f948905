"""``kmoddctl status`` and ``kmoddctl list``: how all modules stand."""

from __future__ import annotations

from kmodd.cli.bus.standing import ask
from kmodd.cli.terminal.output import NOT_IN_ORDER, Options, Output
from kmodd.cli.terminal.render import BOLD, RED, Cell, Style, columns, hanging, headline, paint, table
from kmodd.cli.terminal.tones import CONDITIONS, DEGRADED, STATES, in_order, toned
from kmodd.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kmodd.cli.bus.standing import IssueText, Overview, Row

NOTHING_DECLARED = "no file declares a module"
_HEADER = ("MODULE", "DESIRED", "STATE", "CONDITION", "MESSAGE")


def status(options: Options, output: Output) -> int:
    """The dashboard, or everything about one module."""
    if options.module is not None:
        from kmodd.cli.look.module import module_status  # noqa: PLC0415  not needed for the dashboard

        return module_status(options.module, output)
    with ask() as manager:
        overview, rows = manager.whole()
    output.show(
        {**overview._asdict(), "modules": rows}, lambda style: _dashboard(overview, rows, style, options.all)
    )
    return 0 if overview.converged and overview.state != DEGRADED else NOT_IN_ORDER


def list_modules(_options: Options, output: Output) -> int:
    """Every managed module, a row each."""
    with ask() as manager:
        rows = manager.modules()
    output.show(rows, lambda style: table(_HEADER, map(_cells, rows), style) if rows else (NOTHING_DECLARED,))
    return 0


def _dashboard(
    overview: Overview, rows: tuple[Row, ...], style: Style, all_of_them: bool = False
) -> Iterable[str]:
    """What is wrong first, and why; then the rest, in numbers or ``all_of_them``."""
    tone = STATES.get(overview.state, RED)
    wrong = [row for row in rows if not in_order(row.condition)]
    right = [row for row in rows if in_order(row.condition)]
    refused = _why_else(overview) if overview.state == DEGRADED and not wrong else ""
    count = f"{count_text(rows, wrong)}{refused}"
    yield from headline(Cell("kmodd"), Cell(overview.state, tone), count, style)
    yield from columns([(Cell(line),) for line in (_details(overview), *_restrictions(overview))], style, 2)
    yield from section("Configuration", _issues(overview.config_issues, style), style)
    if wrong:
        # Not needed where all is as declared.
        from kmodd.cli.look.advice import idleness  # noqa: PLC0415
        from kmodd.cli.look.wrong import wrong_lines  # noqa: PLC0415

        yield from wrong_lines(wrong, style, idleness(overview))
    if all_of_them:
        yield from section("As declared", columns(map(short, right), style, 2) if right else [], style)
    elif right:
        title = (Cell("As declared", BOLD), Cell(":"))
        yield from ("", *hanging(title, f"{_numbers(right)} (--all lists them)", style))


def _why_else(overview: Overview) -> str:
    """Why kmodd is degraded where every module is as declared: below it is said in full."""
    hindered = any(not issue.location.file for issue in overview.config_issues)
    return ", and something is in kmodd's way" if hindered else ", and files have errors"


def _numbers(rows: Iterable[Row]) -> str:
    """How many there are in each condition, most first."""
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.condition] = counts.get(row.condition, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {printable(condition)}" for condition, count in ordered)


def count_text(rows: Sequence[Row], wrong: Sequence[Row]) -> str:
    """How many modules there are, and how many of them are not as declared."""
    if not rows:
        return NOTHING_DECLARED
    number = f"{len(rows)} module{'s' if len(rows) > 1 else ''}"
    return f"{number}, {len(wrong)} not as declared" if wrong else f"{number}, all as declared"


def _details(overview: Overview) -> str:
    paused = ", enforcement is paused (kmoddctl resume goes on)" if overview.paused else ""
    paused += "" if overview.enforcing else ", only reporting (enforce is off)"
    running = f"version {overview.version}, kernel {overview.kernel_release}"
    return f"{running}, generation {overview.generation}{paused}"


def _restrictions(overview: Overview) -> Iterable[str]:
    """What the kernel does not permit, whatever the files say."""
    said = (
        (f"is locked down ({overview.lockdown})", overview.lockdown not in ("", "none")),
        ("takes signed modules only", overview.signatures_enforced),
        ("loads and unloads no module until the next boot", overview.modules_disabled),
    )
    found = ", ".join(text for text, holds in said if holds)
    if found:
        yield f"the kernel {found}"


def section(title: str, lines: list[str], style: Style) -> Iterable[str]:
    """Lines below a title, or nothing where there are none."""
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


def short(row: Row) -> tuple[Cell, ...]:
    """A module beside others, of which it is known what is desired."""
    return Cell(row.name, BOLD), toned(row.condition, CONDITIONS), Cell(row.message)
