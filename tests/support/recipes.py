"""packaging/doc/recipes.md as data: files, commands and what they print, in the order of the text."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).parents[2]
DOCUMENT = _ROOT / "packaging/doc/recipes.md"
FIRST = "The first file"
"""Of the README."""
_SECTION = re.compile(r"^## (.+)\n", flags=re.MULTILINE)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_ANYTHING = "..."


class File(NamedTuple):
    """A file that the reader writes; its first line, a comment, is the path."""

    path: str
    text: str


class Command(NamedTuple):
    """A line after ``$``, and what is below it."""

    line: str
    output: tuple[str, ...]


class Act(NamedTuple):
    """Something that is done by hand, in parentheses."""

    what: str


Step = File | Command | Act


def recipes() -> dict[str, tuple[Step, ...]]:
    """The steps of each section, by its title."""
    return _sections(DOCUMENT)


def first_file() -> dict[str, tuple[Step, ...]]:
    """The like in the README."""
    return {FIRST: _sections(_ROOT / "README.md")[FIRST]}


def standing_in(step: Step, names: Mapping[str, str]) -> Step:
    """The step with other names, such as a machine without that hardware has."""
    if isinstance(step, File):
        return File(_renamed(step.path, names), _renamed(step.text, names))
    if isinstance(step, Command):
        output = tuple(_renamed(line, names) for line in step.output)
        return Command(_renamed(step.line, names), output)
    return step


def is_as_printed(expected: tuple[str, ...], printed: str, *, aligned: bool) -> bool:
    """Whether it is what the document has: ``...`` is anything, and on a line by itself any lines.

    Without ``aligned`` blanks count as one, because names of another length move columns.
    """
    pattern = "".join(map(_pattern, expected))
    if not aligned:
        return re.fullmatch(_one_blank(pattern.replace("\\ ", " ")), _one_blank(printed)) is not None
    return re.fullmatch(pattern, printed) is not None


def _sections(document: Path) -> dict[str, tuple[Step, ...]]:
    _, *parts = _SECTION.split(document.read_text())
    return {title: tuple(_steps(text)) for title, text in zip(parts[::2], parts[1::2], strict=True)}


def _steps(section: str) -> Iterator[Step]:
    for kind, text in _BLOCK.findall(section):
        if kind == "console":
            yield from _session(text)
        else:
            path = text.partition("\n")[0].removeprefix("# ")
            yield File(path, text)


def _session(text: str) -> Iterator[Step]:
    line, output = "", list[str]()
    for each in text.splitlines():
        if each.startswith(("$ ", "(")):
            if line:
                yield Command(line, tuple(output))
            line, output = "", []
        if each.startswith("$ "):
            line = each.removeprefix("$ ")
        elif each.startswith("("):
            yield Act(each.strip("()"))
        else:
            output.append(each)
    if line:
        yield Command(line, tuple(output))


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for real, other in names.items():
        text = text.replace(real, other)
    return text


def _pattern(line: str) -> str:
    if line == _ANYTHING:
        return r"(?:.*\n)*"
    return ".*".join(map(re.escape, line.split(_ANYTHING))) + r"\n"


def _one_blank(text: str) -> str:
    return re.sub(r" +", " ", text)
