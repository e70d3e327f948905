"""Every sentence that the core can say is said in some case or test: none is there only in the source."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import kmodd.core

CORE = Path(kmodd.core.__file__).parent
TESTS = Path(__file__).parent.parent
HEARD = frozenset(("kernel_lines.py",))
"""Files whose texts are the kernel's, not the core's."""
WORDS = 2
"""A text of fewer words is a name or a format."""


def _texts(source: str) -> Iterator[str]:
    """String constants and the fixed parts of f-strings, docstrings left out."""
    tree = ast.parse(source)
    comments = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in comments:
            yield node.value


def _sentences() -> list[tuple[str, str]]:
    """File of the core, and a part of a sentence in it; a pattern is none."""
    return [
        (path.name, text.strip())
        for path in sorted(CORE.glob("*.py"))
        if path.name not in HEARD
        for text in _texts(path.read_text())
        if len(text.split()) >= WORDS and "\\" not in text
    ]


@pytest.fixture(scope="module")
def said() -> str:
    """All messages of cases, and all texts of tests."""
    cases = [tomllib.loads(path.read_text()) for path in sorted(TESTS.glob("cases/*/expect.toml"))]
    messages = [text for case in cases for text in (*case.get("messages", {}).values(), *_modprobe(case))]
    tests = [path for path in sorted(TESTS.glob("unit/test_*.py")) if path != Path(__file__)]
    return "\n".join([*messages, *(text for path in tests for text in _texts(path.read_text()))])


def _modprobe(case: dict[str, list[str]]) -> list[str]:
    return case.get("modprobe", [])


@pytest.mark.parametrize(("file", "sentence"), _sentences())
def test_a_sentence_is_said_somewhere(file: str, sentence: str, said: str) -> None:
    assert sentence in said


def test_there_are_sentences() -> None:
    assert len(_sentences()) > 100
