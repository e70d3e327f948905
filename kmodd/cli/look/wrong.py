"""What is not as declared, and what to do about it: for ``status`` and for what came of ``apply``."""

from __future__ import annotations

from kmodd.cli.look.advice import where_to_look
from kmodd.cli.look.overview import section, short
from kmodd.cli.terminal.render import DIM, Cell, columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kmodd.cli.bus.standing import Row
    from kmodd.cli.terminal.render import Style


def wrong_lines(wrong: Iterable[Row], style: Style, idle: str) -> Iterable[str]:
    """Modules that are not as declared: why, and what to do (``idle`` as of advice.idleness)."""
    cells = [cells for row in wrong for cells in _with_advice(row, idle)]
    return section("Not as declared", columns(cells, style, 2) if cells else [], style)


def _with_advice(row: Row, idle: str) -> Iterator[tuple[Cell, ...]]:
    yield short(row)
    to_do = where_to_look(row.condition, row.name, idle)
    if to_do:
        yield Cell(""), Cell(""), Cell(f"-> {to_do}", DIM)
