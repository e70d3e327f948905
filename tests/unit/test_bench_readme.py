"""The README's table of what the bench measured."""

import pytest

from bench import baseline, readme
from bench.documents import Run
from bench.series import Comparison, Series

FAST = Comparison("a / b", Series("a", "s", (0.01, 0.03, 0.02)), Series("b", "s", (0.1,) * 3), target=0.6)
BIG = Comparison("c / d", Series("c", "KiB", (2048.0,) * 3), Series("d", "KiB", (1024.0,) * 3), target=0.5)
RUN = Run({"cores": "2"}, (FAST, BIG))


def test_a_row_for_each_comparison_and_what_misses_its_target_says_so() -> None:
    assert readme.section(RUN).splitlines()[-6:] == [
        "| what / beside | kmodd | beside | ratio | target |",
        "| --- | --- | --- | --- | --- |",
        "| a / b | 20 ms | 100 ms | 0.2 | 0.6 |",
        "| c / d | 2 MiB | 1 MiB | 2 | 0.5, missed |",
        "",
        "Medians of one run. Measured on: cores 2.",
    ]


def test_the_table_is_replaced_and_nothing_else() -> None:
    text = f"before\n{readme.BEGIN}old\n{readme.END}after\n"
    once = readme.replaced(text, RUN)
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "old" not in once
    assert readme.replaced(once, RUN) == once


def test_a_readme_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place"):
        readme.replaced("text", RUN)


def test_what_the_readme_shows_are_all_ratios_of_the_baseline() -> None:
    """Nothing is shown before a whole run was accepted."""
    text = readme.PATH.read_text()
    table = text.partition(readme.BEGIN)[2].partition(readme.END)[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][2:]
    shown = {row[0].removeprefix("| "): float(row[3]) for row in rows}
    committed = baseline.read()
    assert committed is not None
    assert readme.BEGIN in text
    assert shown in ({}, pytest.approx(committed.ratios, rel=0.01))
