"""``make setup`` knows what is missing, and when nothing is."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def setup() -> dict[str, Any]:
    """The script's own functions, without running it."""
    return runpy.run_path(str(REPOSITORY / "packaging/setup/__main__.py"))


def test_every_listed_package_has_a_name_and_a_reason(setup: dict[str, Any]) -> None:
    lines = (REPOSITORY / "packaging/setup/debian-packages.txt").read_text().splitlines()
    entries = [line.split(maxsplit=1) for line in lines if not line.startswith("#")]
    assert all(len(entry) == 2 for entry in entries)
    assert setup["wanted_debian_packages"]() == [entry[0] for entry in entries]


def test_nothing_is_missing_where_these_tests_run(setup: dict[str, Any]) -> None:
    assert setup["missing_debian_packages"](setup["wanted_debian_packages"]()) == []


def test_the_fingerprint_is_the_same_for_the_same_files(setup: dict[str, Any]) -> None:
    assert setup["fingerprint"]() == setup["fingerprint"]()


def test_with_names_only_these_are_installed_and_no_environment_is_made(tmp_path: Path) -> None:
    copy = shutil.copytree(REPOSITORY / "packaging/setup", tmp_path / "packaging/setup")
    done = subprocess.run([sys.executable, copy, "kmod"], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert not (tmp_path / ".venv").exists()
