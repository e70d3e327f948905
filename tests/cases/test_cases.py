"""Every folder here is a scenario (tests/support/case.py says what is in it); adding one needs no code."""

from pathlib import Path

import pytest

from tests.support.case import expected, play

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/expect.toml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_case(folder: Path, tmp_path: Path) -> None:
    wanted, found = expected(folder), play(folder, tmp_path)
    assert sorted(found.steps) == sorted(wanted.get("steps", []))
    for chain in wanted.get("order", []):
        assert [name for name in found.order if name in chain] == chain
    assert found.conditions == wanted.get("conditions", {})
    assert {name: found.messages[name] for name in wanted.get("messages", {})} == wanted.get("messages", {})
    if "modprobe" in wanted:
        assert found.modprobe == wanted["modprobe"]
    assert found.modprobe_last == wanted.get("modprobe_last", [])
    assert found.issues == wanted.get("issues", [])
    assert found.state == wanted.get("state", "converged")
    assert found.enforce is wanted.get("enforce", True)
