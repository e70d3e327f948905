"""Where in kmodd/config something is said to people: in the source, and while it runs."""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic_core import PydanticCustomError

import kmodd.config
from kmodd.config import issues, locate
from kmodd.shown import Issue

_SOURCES = Path(kmodd.config.__file__).parent
_SAYING = frozenset(("error", "warning", "refuse", "Refused", "Contradiction", "Misplaced"))


class Site(NamedTuple):
    """A call that says something: file, line, and the function that it stands in."""

    file: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"kmodd/config/{self.file}:{self.line}: {self.name}()"


def written() -> list[Site]:
    """Every call in the source, by the name of what is called."""
    return sorted(
        Site(path.name, call.lineno, function.name)
        for path in _SOURCES.glob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in _SAYING
    )


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[Site]]:
    """The calls that are made meanwhile."""
    sites: set[Site] = set()

    def recording(made: Callable[..., Any], depth: int) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            frame = sys._getframe(depth)
            code = frame.f_code
            sites.add(Site(Path(code.co_filename).name, frame.f_lineno, code.co_name))
            return made(*arguments, **keywords)

        return call

    with monkeypatch.context() as patch:
        # error(), warning() and refuse() make these; their caller is who says something.
        patch.setattr("kmodd.config.issues.Issue", recording(Issue, 2))
        patch.setattr("kmodd.config.values.PydanticCustomError", recording(PydanticCustomError, 2))
        for kind, maker in (
            (issues.Refused, "__init__"),
            (locate.Misplaced, "__init__"),
            (issues.Contradiction, "__new__"),
        ):
            patch.setattr(kind, maker, recording(getattr(kind, maker), 1))
        yield sites
