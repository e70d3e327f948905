"""From rows to lines, purely: what the terminal is like comes as a Style. Nothing is cut, texts wrap."""

from __future__ import annotations

from kmodd.named_tuple import NamedTuple
from kmodd.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Attributes as in ECMA-48, Select Graphic Rendition.
PLAIN, BOLD, DIM, RED, GREEN, YELLOW = "", "1", "2", "31", "32", "33"

_GAP = "  "
_LEAST_WIDTH = 24
"""Columns that the last one needs to stand beside the others; with less it goes below them."""
_BELOW = 4
_HANGING = 2


class Style(NamedTuple):
    """How to write: ``width`` in columns, 0 for no end; ``unicode``: whether all characters can be shown."""

    colour: bool = False
    width: int = 0
    unicode: bool = True


class Cell(NamedTuple):
    """A text from anywhere, and how it stands out; it is escaped where it is written."""

    text: str
    tone: str = PLAIN


def table(header: Sequence[str], rows: Iterable[Sequence[Cell]], style: Style, indent: int = 0) -> list[str]:
    """Lines of a table with its header; columns are as wide as what is in them."""
    head = [Cell(name, BOLD) for name in header]
    return columns([head, *rows], style, indent)


def columns(rows: Iterable[Sequence[Cell]], style: Style, indent: int = 0) -> list[str]:
    """Lines of rows that all have the same number of cells."""
    shown = [[Cell(printable(cell.text), cell.tone) for cell in row] for row in rows]
    layout = _layout([[columns_of(cell.text) for cell in row] for row in shown], style, indent)
    return [line for row in shown for line in _row(row, layout, style)]


def headline(subject: Cell, word: Cell, text: str, style: Style) -> list[str]:
    """``subject is word: text`` after a mark in the tone of the word, as systemctl has it."""
    mark = "\N{BLACK CIRCLE}" if style.unicode else "*"
    return hanging((Cell(mark, word.tone), Cell(" "), subject, Cell(" is "), word, Cell(":")), text, style)


def hanging(first: Iterable[Cell], text: str, style: Style) -> list[str]:
    """``first`` without gaps, a blank and a text, whose further lines are indented."""
    pieces = tuple(first)
    plain = "".join(printable(piece.text) for piece in pieces)
    line, *more = wrap(f"{plain} {printable(text)}", max(style.width - _HANGING, 0))
    if line.startswith(plain):
        line = "".join(paint(*piece, style) for piece in pieces) + line.removeprefix(plain)
    return [line, *(" " * _HANGING + each for each in more)]


def fields(rows: Iterable[tuple[str, Iterable[Cell]]], style: Style, indent: int = 4) -> list[str]:
    """Lines of ``label  value``; several values stand below one another, a label without any is left out."""
    given = [(label, list(cells)) for label, cells in rows]
    given = [(label, cells) for label, cells in given if cells]
    width = max((len(label) for label, _ in given), default=0)
    pairs = [
        (Cell("" if number else label.rjust(width), DIM), cell)
        for label, cells in given
        for number, cell in enumerate(cells)
    ]
    return columns(pairs, style, indent) if pairs else []


def paint(text: str, tone: str, style: Style) -> str:
    """``text`` escaped, and in a tone where there is colour."""
    text = printable(text)
    return f"\x1b[{tone}m{text}\x1b[0m" if style.colour and tone and text else text


def columns_of(text: str) -> int:
    """Columns that a printable text takes on a terminal (UAX 11)."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # noqa: PLC0415  rarely needed

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def wrap(text: str, width: int) -> list[str]:
    """``text`` broken at blanks into lines of ``width`` columns, 0 for no end; no word is broken."""
    if not width or columns_of(text) <= width:
        return [text]
    lines: list[str] = []
    for word in text.split(" "):
        if lines and columns_of(lines[-1]) + 1 + columns_of(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


class _Layout(NamedTuple):
    """Where columns begin, where the last one does and how wide it is (0: no end), and whether below."""

    starts: tuple[int, ...]
    last: int
    width: int
    below: bool
    end: int
    """Of the terminal, 0 for none."""


def _layout(sizes: Sequence[Sequence[int]], style: Style, indent: int) -> _Layout:
    """From what each cell takes: where that is too much, a cell much wider than others does not widen all."""
    found = [list(column) for column in zip(*sizes, strict=True)]
    widths = [max(column) for column in found]
    most = max(_LEAST_WIDTH, style.width // 3)
    if style.width and indent + sum(widths) + len(_GAP) * (len(widths) - 1) > style.width:
        widths = [max((size for size in column if size <= most), default=max(column)) for column in found]
    last, starts = indent, []
    for width in widths[:-1]:
        starts.append(last)
        last += width + len(_GAP)
    below = bool(style.width and starts) and style.width - last < _LEAST_WIDTH
    if below:
        last = indent + _BELOW
    return _Layout(tuple(starts), last, max(style.width - last, 1) if style.width else 0, below, style.width)


class _Lines:
    """Lines that grow from left to right; ``used``: columns of the last one."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.used = 0

    def put(self, cell: Cell, start: int, style: Style) -> None:
        """Write at a column, on another line if that is taken."""
        if not self.lines or (self.used and self.used + len(_GAP) > start):
            self.lines.append("")
            self.used = 0
        self.lines[-1] += " " * (start - self.used) + paint(cell.text, cell.tone, style)
        self.used = start + columns_of(cell.text)


def _row(row: Sequence[Cell], layout: _Layout, style: Style) -> list[str]:
    """Cells without a text take no place, so that nothing but blanks ends a line."""
    *first, last = row
    head, tail = _Lines(), _Lines()
    for cell, start in zip(first, layout.starts, strict=True):
        if cell.text:
            head.put(cell, _start(start, columns_of(cell.text), head.used, layout), style)
    below = tail if layout.below else head
    for line in filter(None, wrap(last.text, layout.width)):
        below.put(Cell(line, last.tone), layout.last, style)
    return [*head.lines, *tail.lines] or [""]


def _start(start: int, size: int, used: int, layout: _Layout) -> int:
    """Its column; where the last one stands below anyway, cells move to the right as long as they fit."""
    if not layout.below:
        return start
    moved = max(start, used + len(_GAP) if used else 0)
    return moved if moved + size <= layout.end or not used else layout.last
