"""Command lines of kmoddctl in the documents of this repository."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.support.man_page import MAN
from tests.support.recipes import DOCUMENT

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
_IN_LINE = re.compile(r"`(?:sudo )?(kmoddctl [^`]+)`")
_SESSION = re.compile(r"^[$#] (?:sudo )?(kmoddctl [^|>;&\n]*)", flags=re.MULTILINE)
_DOCUMENTS = (README, DOCUMENT, ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md", *sorted(MAN.iterdir()))


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Name of the document and arguments, of each that stands in one."""
    for path in _DOCUMENTS:
        text = path.read_text().replace("\\-", "-")
        for line in (*_IN_LINE.findall(text), *_SESSION.findall(text)):
            yield path.name, shlex.split(line.replace("...", ""))[1:]
