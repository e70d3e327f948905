"""Man pages of packaging/man as data: sections, and the items of their tagged lists (mdoc(7))."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MAN = Path(__file__).parents[2] / "packaging" / "man"

_ESCAPES = {r"\-": "-", r"\&": "", r"\%": "", r"\(->": "->", r"\(ti": "~", r"\e": "\\"}


class Item(NamedTuple):
    """One ``.It`` of a tagged list: the words of its line, macros among them, and the text below it."""

    words: tuple[str, ...]
    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """What the item is about: the words up to the next macro, without commas."""
        found = []
        for word in self.words[1 if _is_macro(self.words[0]) else 0 :]:
            if _is_macro(word):
                break
            if word != ",":
                found.append(word)
        return tuple(found)

    def after(self, macro: str) -> tuple[str, ...]:
        """Arguments of each ``macro`` on the line, one after the other."""
        found = []
        taking = False
        for word in self.words:
            if _is_macro(word):
                taking = word == macro
            elif taking and word != ",":
                found.append(word)
        return tuple(found)


class Page:
    """A page; sections and subsections are told by their titles, as "SECTION" or "SECTION/Subsection"."""

    def __init__(self, name: str) -> None:
        self.source = (MAN / name).read_text()
        self._lines: dict[str, list[str]] = {}
        title = section = ""
        for line in self.source.splitlines():
            if line.startswith(".Sh "):
                title = section = line.removeprefix(".Sh ")
            elif line.startswith(".Ss "):
                title = f"{section}/{line.removeprefix('.Ss ')}"
            else:
                self._lines.setdefault(title, []).append(line)

    def items(self, title: str) -> tuple[Item, ...]:
        """The items of a section's outer lists, without those of its subsections; raises KeyError."""
        return tuple(_items(self._lines[title]))

    def text(self, title: str) -> str:
        """A section's source, without its subsections'."""
        return _plain("\n".join(self._lines[title]))

    def blocks(self) -> tuple[str, ...]:
        """What stands in literal blocks, as it is shown."""
        parts = self.source.split(".Bd -literal")[1:]
        return tuple(_plain(part.partition("\n")[2].partition("\n.Ed")[0]) for part in parts)


def _items(lines: list[str]) -> Iterator[Item]:
    depth = 0
    words: tuple[str, ...] = ()
    text: list[str] = []
    for line in [*lines, ".Bl", ".It"]:
        if line.startswith(".Bl"):
            depth += 1
        if (line.startswith(".It") and depth == 1) or (line.startswith(".El") and depth == 1):
            if words:
                yield Item(words, _plain("\n".join(text)))
            words, text = tuple(shlex.split(_plain(line)))[1:], []
        elif words:
            text.append(line)
        if line.startswith(".El"):
            depth -= 1


def _is_macro(word: str) -> bool:
    return len(word) == 2 and word[0].isupper() and word[1].islower()


def _plain(text: str) -> str:
    for escape, letter in _ESCAPES.items():
        text = text.replace(escape, letter)
    return text
