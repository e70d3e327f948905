"""Which tests show which promise; ``python -m tests.support.coverage`` writes tests/PROMISES.md.

Marks are read from the source: collecting tests would need the tools of every tier.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.promises import FAULTS, PROMISES, ROWS, SECURITY, TIERS, UNCOVERED, Row

TESTS = Path(__file__).resolve().parents[1]
DOCUMENT = TESTS / "PROMISES.md"
_MARK = "pytest.mark.shows"
_HEAD = """\
# What the tests show

Made by `make promises` from the marks `pytest.mark.shows` in the tests and from `tests/support/promises.py`.
A tier is met by tests of certain directories: {tiers}. A row without a tier may be shown anywhere.
"""


class Shown(NamedTuple):
    """A row that a test says it shows; the file is relative to tests."""

    row: str
    file: str
    test: str

    @property
    def directory(self) -> str:
        """The directory below tests that the test is in."""
        return self.file.split("/", 1)[0]


def shown_in(root: Path = TESTS) -> list[Shown]:
    """Every mark of every test below a directory, by file, in the order of the source."""
    return [shown for path in sorted(root.rglob("test_*.py")) for shown in _shown_by(path, root)]


def unmet(shown: Iterable[Shown]) -> set[tuple[str, str]]:
    """Rows with a tier (empty: any) in which no test shows them."""
    directories = defaultdict(set)
    for each in shown:
        directories[each.row].add(each.directory)
    wanted = ((row.key, tier) for row in ROWS for tier in row.tiers or ("",))
    return {
        (key, tier)
        for key, tier in wanted
        if not (directories[key].intersection(TIERS[tier]) if tier else directories[key])
    }


def document(shown: Iterable[Shown]) -> str:
    """The whole text of tests/PROMISES.md."""
    by_row = defaultdict(list)
    for each in shown:
        by_row[each.row].append(each)
    tiers = "; ".join(f"{tier} by {', '.join(names)}" for tier, names in TIERS.items())
    parts = [_HEAD.format(tiers=tiers)]
    titles = (("Promises", PROMISES), ("Faults", FAULTS), ("Security", SECURITY))
    for title, rows in titles:
        parts.append(f"\n## {title}\n\n| row | what | tier | tests |\n|---|---|---|---|\n")
        parts.extend(_line(row, by_row[row.key]) for row in rows)
    return "".join(parts)


def _line(row: Row, shown: list[Shown]) -> str:
    """One line of a table."""
    by_file = defaultdict(list)
    for each in shown:
        by_file[each.file].append(each.test.removeprefix("test_"))
    cells = [f"`{file}`: {', '.join(tests)}" for file, tests in by_file.items()]
    missing = ((tier, why) for (key, tier), why in UNCOVERED.items() if key == row.key)
    cells += [f"**not shown{' on ' + tier if tier else ''}**: {why}" for tier, why in missing]
    key = row.key.removeprefix("fault: ").removeprefix("security ")
    return f"| {key} | {row.text} | {', '.join(row.tiers)} | {'<br>'.join(cells)} |\n"


def _shown_by(path: Path, root: Path) -> Iterator[Shown]:
    """Marks of the functions of one file."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for row in _rows(node):
                yield Shown(row, path.relative_to(root).as_posix(), node.name)


def _rows(function: ast.FunctionDef) -> Iterator[str]:
    """What the decorators of a test name. Anything but plain strings raises ValueError."""
    for call in function.decorator_list:
        if isinstance(call, ast.Call) and ast.unparse(call.func) == _MARK:
            yield from (str(ast.literal_eval(argument)) for argument in call.args)


if __name__ == "__main__":
    DOCUMENT.write_text(document(shown_in()))
