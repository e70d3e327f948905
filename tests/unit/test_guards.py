"""The guards of tests/conftest.py notice what a test leaves behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tests
import tests.conftest

LEAKS = {
    "tasks": """
import asyncio
async def leave():
    asyncio.get_running_loop().kept = asyncio.create_task(asyncio.sleep(60))
def test_leak():
    asyncio.run(leave())
""",
    "threads": """
import threading
def test_leak():
    threading.Thread(target=threading.Event().wait, args=(10,), daemon=True).start()
""",
    "child processes": """
import subprocess
KEPT = []
def test_leak():
    KEPT.append(subprocess.Popen(["sleep", "5"]))
""",
    "file descriptors": """
import os
def test_leak():
    os.dup(0)
""",
}


def _pytest_in(directory: Path, source: str) -> str:
    """Output of a run of one test module under the guards."""
    shutil.copy(tests.conftest.__file__, directory / "conftest.py")
    (directory / "test_leak.py").write_text(source)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(directory)]
    environment = {**os.environ, "PYTHONPATH": str(Path(tests.__file__).parent.parent)}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=directory, env=environment, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", LEAKS)
def test_what_is_left_behind_is_an_error(kind: str, tmp_path: Path) -> None:
    output = _pytest_in(tmp_path, LEAKS[kind])
    assert f"left behind: {{'{kind}':" in output
    assert "1 passed, 1 error" in output


def test_a_clean_test_passes(tmp_path: Path) -> None:
    assert "1 passed in" in _pytest_in(tmp_path, "def test_clean():\n    open('/dev/null').close()\n")
