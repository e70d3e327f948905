"""Each promise, fault and requirement has a test on its tier, and tests/PROMISES.md says which."""

from pathlib import Path

from tests.support.coverage import DOCUMENT, Shown, document, shown_in, unmet
from tests.support.promises import ROWS, TIERS, UNCOVERED


def test_every_row_is_shown_on_its_tier_but_for_those_known_not_to_be() -> None:
    assert unmet(shown_in()) == set(UNCOVERED)


def test_no_test_shows_what_is_no_row() -> None:
    rows = {row.key for row in ROWS}
    assert len(rows) == len(ROWS)
    assert [shown for shown in shown_in() if shown.row not in rows] == []
    assert {tier for row in ROWS for tier in row.tiers} <= set(TIERS)


def test_the_document_is_up_to_date() -> None:
    assert document(shown_in()) == DOCUMENT.read_text(), "make promises"


def test_marks_are_read_from_the_source(tmp_path: Path) -> None:
    (tmp_path / "vm").mkdir()
    (tmp_path / "vm/test_a.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.shows('P3', 'security 1')\n@pytest.mark.skip\ndef test_one(): ...\n"
        "@pytest.mark.shows('P4')\ndef not_a_test(): ...\n"
        "def test_two(): ...\n"
    )
    found = shown_in(tmp_path)
    assert found == [
        Shown("P3", "vm/test_a.py", "test_one"),
        Shown("security 1", "vm/test_a.py", "test_one"),
    ]
    assert ("P3", "VM") not in unmet(found)
    assert {("P4", "VM"), ("security 2", "")} <= unmet(found)
    assert ("P10", "bus") in unmet([Shown("P10", "vm/test_a.py", "test_one")])


def test_a_row_that_is_not_shown_says_why() -> None:
    assert all(UNCOVERED.values())
    assert all(why in document(()) for why in UNCOVERED.values())
