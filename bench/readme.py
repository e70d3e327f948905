"""The table in the README, as the last run measured it whose ratios are the baseline."""

from pathlib import Path

from bench.documents import Run
from bench.series import Comparison
from bench.table import figures, quantity

PATH = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- what make bench measured -->\n", "<!-- end of what make bench measured -->\n"
_HEADINGS = ("what / beside", "kmodd", "beside", "ratio", "target")


_ABOUT = """\
### How fast, how small

`make bench` measures kmodd beside what people would use instead, in turns on the same kernel, and says what
has moved since this run. Unless a row says otherwise the kernel is User Mode Linux with one processor, where
forks and page faults are dear.

Where kmodd is slower than modprobe: many small modules at once, whose init does next to nothing. A load of
kmodd's is made in a process that nothing else hangs on, its intent is on the disk before it, and what came of
it is read back. Where init waits for hardware, as most drivers' does, loads overlap.
"""


def section(run: Run) -> str:
    """The table, what it shows and where it was measured, in Markdown."""
    rows = [_HEADINGS, ("---",) * len(_HEADINGS), *map(_row, run.comparisons)]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    machine = ", ".join(f"{key} {value}" for key, value in run.machine.items())
    return f"{_ABOUT}\n{table}\nMedians of one run. Measured on: {machine}.\n"


def replaced(text: str, run: Run) -> str:
    """The README with another table. Raises ValueError where it has no place for one."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PATH.name} has no place for the table")
    return before + BEGIN + "\n" + section(run) + "\n" + END + after


def _row(each: Comparison) -> tuple[str, ...]:
    target = "" if each.target is None else f"{each.target:g}{'' if each.meets_target else ', missed'}"
    subject, peer = (quantity(series.median, series.unit) for series in (each.subject, each.peer))
    return each.name, subject, peer, figures(each.ratio), target
