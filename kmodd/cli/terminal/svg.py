"""Pieces of an SVG picture as lines of text; every text in it is escaped."""

from collections.abc import Iterable, Iterator, Mapping

from kmodd.cli.terminal.render import DIM, GREEN, PLAIN, RED, YELLOW
from kmodd.names import printable

LINE = 22
"""Height of a row, in pixels, as are all sizes here."""
LETTER = 8
"""Width of a letter of the font below, at most."""
_FONT = 'font-family="monospace" font-size="13"'
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
COLOURS: Mapping[str, str] = {
    PLAIN: "#37474f",
    DIM: "#757575",
    GREEN: "#2e7d32",
    YELLOW: "#b26a00",
    RED: "#c62828",
}


def picture(width: float, height: float, title: str, body: Iterable[str]) -> Iterator[str]:
    """A whole file, on white: most viewers have no colour of their own behind it."""
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {_FONT}>'
    yield f"<title>{escaped(title)}</title>"
    yield '<rect width="100%" height="100%" fill="#ffffff"/>'
    yield from body
    yield "</svg>"


def label(x: float, y: float, text: str, colour: str = COLOURS[PLAIN], anchor: str = "start") -> str:
    """A text whose base line is at ``y``."""
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}" text-anchor="{anchor}">{escaped(text)}</text>'


def box(x: float, y: float, width: float, height: float, colour: str, tip: str, fill: str = "#ffffff") -> str:
    """A rectangle that says ``tip`` when it is pointed at."""
    frame = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect {frame} rx="3" fill="{fill}" stroke="{colour}"><title>{escaped(tip)}</title></rect>'


def escaped(text: str) -> str:
    """``text`` as XML's characters, also within quotes."""
    return printable(text).translate(_ENTITIES)
