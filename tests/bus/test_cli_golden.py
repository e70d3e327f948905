"""What kmoddctl prints at a terminal, wide and narrow, with colour and without: ``golden/COMMAND.txt``.

KMODD_GOLDEN=write writes them anew. Colours stand there as words: <bold>dummy</>.
"""

import os
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from kmodd.cli.terminal.render import columns_of
from tests.bus.cli_tool import at_terminal, use
from tests.bus.golden_world import quiet, world
from tests.bus.manager import FakeManager
from tests.bus.private_bus import PrivateBus
from tests.support.conversion import system
from tests.support.module_tree import ModuleTree

_GOLDEN = Path(__file__).with_name("golden")
_WIDTHS = (120, 50)
_LABEL = 20
"""Columns that may stand before a word on its line."""
_NAMES = {"1": "bold", "2": "dim", "31": "red", "32": "green", "33": "yellow"}
_TONE = re.compile(r"\x1b\[(\d+)m(.*?)\x1b\[0m", re.DOTALL)
_CHECKED = {
    "10-good.toml": "[module.top]\nparameters = { level = 3 }\n",
    "20-warned.toml": '[module.topp]\n\n[module.other]\nparameters = { levle = "x" }\n',
    "30-wrong.toml": '[module.top]\nstate = "loded"\nwhen.kernle = ">=6.1"\n',
}


class Case(NamedTuple):
    """What is asked of which kmodd."""

    arguments: tuple[str, ...]
    manager: Callable[[], FakeManager] = world


_CASES = {
    "status": Case(("status",)),
    "status-all": Case(("status", "--all")),
    "status-converged": Case(("status", "--all"), quiet),
    "status-empty": Case(("status",), FakeManager),
    "status-module-drifted": Case(("status", "zfs")),
    "status-module-failed": Case(("status", "nvidia")),
    "status-module-denied": Case(("status", "nouveau")),
    "list": Case(("list",)),
    "plan": Case(("plan",)),
    "explain": Case(("explain", "zfs")),
    "graph": Case(("graph",)),
    "timeline": Case(("timeline",)),
    "memory": Case(("memory",)),
    "symbols": Case(("symbols", "zfs")),
    "check": Case(("check", "--root", "ROOT", "FILES")),
}


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """Another system with a small kernel, and files to be checked."""
    tree = ModuleTree(tmp_path / "tree")
    tree.add("top", [("parmtype", "level:int")])
    tree.add("other", [("parmtype", "mode:int")])
    root = system(tmp_path / "root", tree.depmod().base / "lib/modules")
    files = tmp_path / "kmodd.d"
    files.mkdir()
    for name, text in _CHECKED.items():
        (files / name).write_text(text)
    return {"ROOT": str(root), "FILES": str(files)}


@pytest.mark.parametrize("name", _CASES)
def test_what_a_terminal_is_sent(bus: PrivateBus, name: str, places: dict[str, str], tmp_path: Path) -> None:
    case = _CASES[name]
    arguments = [places.get(word, word) for word in case.arguments]
    pictures: list[str] = []

    async def test() -> None:
        for width, no_colour in product(_WIDTHS, ("", "1")):
            printed = await at_terminal(bus, *arguments, width=width, more={"NO_COLOR": no_colour})
            assert printed.err == ""
            title = f"==== {width} columns{'' if no_colour else ', colour'}: status {printed.status}\n"
            pictures.append(title + _in_words(printed.out.replace(str(tmp_path), "")))

    use(bus, case.manager(), test)
    path = _GOLDEN / f"{name}.txt"
    text = "\n".join(pictures)
    if os.environ.get("KMODD_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


def test_every_picture_has_its_case() -> None:
    assert {path.stem for path in _GOLDEN.iterdir()} == set(_CASES)


@pytest.mark.parametrize("name", _CASES)
def test_colour_says_nothing_that_the_words_do_not(name: str) -> None:
    for coloured, plain in zip(*[iter(_pictures(name))] * 2, strict=True):
        assert re.sub(r"<\w*/?>|</>", "", coloured) == plain


@pytest.mark.parametrize("name", sorted(_CASES.keys() - {"check"}))
def test_no_line_is_wider_than_the_terminal_for_want_of_a_break(name: str) -> None:
    """But for a word that is too long by itself; check writes for editors, which want lines whole."""
    for picture, width in zip(_pictures(name)[1::2], _WIDTHS, strict=True):
        wide = [line for line in picture.splitlines() if columns_of(line) > width]
        assert [line for line in wide if max(map(len, line.split())) < width - _LABEL] == []


def _pictures(name: str) -> list[str]:
    """The four of a file, without their titles."""
    return re.split(r"\n?^==== .*\n", (_GOLDEN / f"{name}.txt").read_text(), flags=re.MULTILINE)[1:]


def _in_words(text: str) -> str:
    """Escape sequences as words, and none left."""
    shown = _TONE.sub(lambda found: f"<{_NAMES[found[1]]}>{found[2]}</>", text)
    assert "\x1b" not in shown
    return shown
