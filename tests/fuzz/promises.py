"""What holds for everything that is shown or kept, whatever was read."""

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from kmodd.config import catalog as catalog_file
from kmodd.model import Catalog
from kmodd.shown import Issue, Location

MOST_SHOWN = 4100
"""Characters of one sentence: a line for a person, in the journal and on the bus."""


def is_shown(text: str, most: int = MOST_SHOWN) -> None:
    """``text`` can be written to a terminal, and has an end."""
    assert text.isprintable(), repr(text)
    assert len(text) <= most, len(text)


def is_placed(issue: Issue, *texts: str) -> None:
    """An issue is a sentence with what to do, at a place that one of the texts has."""
    is_shown(issue.message)
    is_shown(issue.hint)
    assert issue.message
    assert issue.hint
    assert any(_has_place(text.split("\n"), issue.location) for text in texts), issue


def _has_place(lines: Sequence[str], place: Location) -> bool:
    """Whether the place is one of these lines, or just behind one; line and column 0 are the whole file."""
    if not 0 < place.line <= len(lines):
        return (place.line, place.column) == (0, 0)
    return 0 <= place.column <= len(lines[place.line - 1]) + 1


def is_kept(catalog: Catalog) -> None:
    """A catalog comes back from its file as it was."""
    assert (
        catalog_file.decode(json.loads(json.dumps(catalog_file.encode(catalog), allow_nan=False))) == catalog
    )


def value_of(reader: Callable[..., Any], *given: Any, refusals: tuple[type[Exception], ...]) -> Any:
    """What the reader makes of it; None where it refuses as it says it does."""
    try:
        return reader(*given)
    except refusals:
        return None


def scratch() -> Path:
    """A directory for what a target has to read from files; it goes with the process."""
    directory = Path(tempfile.mkdtemp(prefix="kmodd-fuzz-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def parts(data: bytes, count: int, mark: bytes = b"\0") -> list[bytes]:
    """Exactly ``count`` pieces of the input."""
    found = data.split(mark, count - 1)
    return found + [b""] * (count - len(found))


def text(data: bytes) -> str:
    """As kmodd itself decodes what the kernel says."""
    return data.decode("utf-8", "replace")


def all_shown(texts: Iterable[str], most: int = MOST_SHOWN) -> None:
    """``is_shown`` of each."""
    for each in texts:
        is_shown(each, most)
