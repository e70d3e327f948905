"""From rows to lines, purely: what the terminal is like comes as a Style. Nothing is cut, texts wrap."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kmodd.names import printable

# Attributes as in ECMA-48, Select Graphic Rendition.
PLAIN, BOLD, DIM, RED, GREEN, YELLOW = "", "1", "2", "31", "32", "33"

_GAP = "  "
_LEAST_WIDTH = 24
"""Columns that the last one needs to stand beside the others; with less it goes below them."""
_BELOW = 4


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
    widths = [max(columns_of(cell.text) for cell in column) for column in zip(*shown, strict=True)]
    layout = _layout(widths[:-1], style, indent)
    return [line for row in shown for line in _row(row, widths, layout, style, indent)]


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


def dot(tone: str, style: Style) -> str:
    """The mark before a headline, as systemctl has it."""
    return paint("\N{BLACK CIRCLE}" if style.unicode else "*", tone, style)


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
    """Where the last column begins, how wide it is (0: no end), and whether that is a line further down."""

    start: int
    width: int
    below: bool


def _layout(widths: Sequence[int], style: Style, indent: int) -> _Layout:
    start = indent + sum(widths) + len(_GAP) * len(widths)
    if not (style.width and widths) or style.width - start >= _LEAST_WIDTH:
        return _Layout(start, max(style.width - start, 0), below=False)
    start = indent + _BELOW
    return _Layout(start, max(style.width - start, 1), below=True)


def _row(row: Sequence[Cell], widths: Sequence[int], layout: _Layout, style: Style, indent: int) -> list[str]:
    *first, last = row
    padded = (
        paint(cell.text, cell.tone, style) + " " * (width - columns_of(cell.text)) + _GAP
        for cell, width in zip(first, widths, strict=False)
    )
    head = " " * indent + "".join(padded)
    tail = [paint(line, last.tone, style) for line in wrap(last.text, layout.width) if line]
    if tail and not layout.below:
        head += tail.pop(0)
    lines = [head.rstrip(), *(" " * layout.start + line for line in tail)]
    return lines[1:] if tail and not lines[0] else lines
