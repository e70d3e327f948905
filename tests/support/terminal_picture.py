"""What a terminal shows, as SVG: colours of ECMA-48 become those of kmoddctl's other pictures."""

import re
from collections.abc import Iterable, Iterator

from kmodd.cli.terminal.render import BOLD, PLAIN, columns_of
from kmodd.cli.terminal.svg import COLOURS, LETTER, LINE, escaped, picture

_PIECE = re.compile(r"(?:\x1b\[(\d+)m)?([^\x1b]+)(?:\x1b\[0m)?")
_MARGIN = 16


def drawn(title: str, lines: Iterable[str]) -> str:
    """A file; each piece stands at its column, whatever font a viewer has."""
    shown = list(lines)
    width = max(columns_of("".join(text for _, text in _PIECE.findall(line))) for line in shown)
    body = [
        text for number, line in enumerate(shown, 1) for text in _texts(line, _MARGIN + number * LINE - 6)
    ]
    size = width * LETTER + 2 * _MARGIN, len(shown) * LINE + 2 * _MARGIN
    return "".join(f"{line}\n" for line in picture(*size, title, body))


def _texts(line: str, y: float) -> Iterator[str]:
    column = 0
    for tone, text in _PIECE.findall(line):
        word = text.strip(" ")
        if word:
            x = _MARGIN + (column + len(text) - len(text.lstrip(" "))) * LETTER
            weight = ' font-weight="bold"' if tone == BOLD else ""
            place = f'x="{x:g}" y="{y:g}" textLength="{columns_of(word) * LETTER:g}"'
            colour = COLOURS.get(tone, COLOURS[PLAIN])
            yield f'<text {place} fill="{colour}"{weight} xml:space="preserve">{escaped(word)}</text>'
        column += columns_of(text)
