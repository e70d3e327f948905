"""A run as a table for a terminal."""

from collections.abc import Mapping, Sequence
from math import floor, log10

from bench.documents import Run
from bench.series import Comparison, Series

HEADINGS = ("what", "kmodd", "beside", "", "ratio", "of the least", "target", "baseline", "runs")


def render(run: Run, baseline: Mapping[str, float]) -> str:
    """The table, then the notes, then the machine; ``baseline`` is ratios by name."""
    rows = [HEADINGS, *(_row(each, baseline.get(each.name)) for each in run.comparisons)]
    lines = ["median (least .. most); ratio of the medians (of single rounds); less is better", ""]
    lines += _aligned(rows)
    lines += [f"- {note}" for note in run.notes]
    lines += ["", "measured on: " + ", ".join(f"{key} {value}" for key, value in run.machine.items())]
    return "\n".join(lines)


def quantity(value: float, unit: str) -> str:
    """A value in the unit that people read: seconds as ms, KiB as MiB, a count as it is."""
    match unit:
        case "s":
            return f"{figures(value * 1000)} ms"
        case "KiB":
            return f"{figures(value / 1024)} MiB"
        case "":
            return figures(value)
    raise ValueError(f"unknown unit {unit!r}")


def _row(each: Comparison, before: float | None) -> tuple[str, ...]:
    least, most = each.ratio_spread
    return (
        each.name,
        _measured(each.subject),
        each.peer.label,
        _measured(each.peer),
        f"{figures(each.ratio)} ({figures(least)} .. {figures(most)})",
        figures(each.least_ratio),
        _target(each),
        "-" if before is None else figures(before),
        str(each.runs),
    )


def _measured(series: Series) -> str:
    least, most = (quantity(value, series.unit).split()[0] for value in series.spread)
    return f"{quantity(series.median, series.unit)} ({least} .. {most})"


def _target(each: Comparison) -> str:
    if each.target is None:
        return "-"
    return f"<= {each.target:g} {'met' if each.meets_target else 'MISSED'}"


def figures(value: float) -> str:
    """Three significant figures, without an exponent."""
    if value >= 100:
        return f"{value:.0f}"
    if not 0 < value < 0.001:
        return f"{value:.3g}"
    return f"{value:.{2 - floor(log10(value))}f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
