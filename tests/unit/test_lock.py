"""One daemon a machine, shown with real processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kmodd.daemon.lock import InstanceLock
from kmodd.errors import ErrorKind, KmoddError

_HOLDER = """
import sys
from pathlib import Path
from kmodd.daemon.lock import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = InstanceLock(path)
    with pytest.raises(KmoddError) as caught:
        InstanceLock(path)
    assert caught.value.kind is ErrorKind.ALREADY_RUNNING
    assert str(os.getpid()) in caught.value.message
    lock.release()
    InstanceLock(path).release()


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    arguments = [sys.executable, "-c", _HOLDER, str(path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(KmoddError, match=str(holder.pid)):
            InstanceLock(path)
        holder.kill()
        holder.wait()
        InstanceLock(path).release()


@pytest.mark.parametrize("make", ["missing/lock", "link"])
def test_a_place_that_cannot_be_used(tmp_path: Path, make: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KmoddError) as caught:
        InstanceLock(tmp_path / make)
    assert caught.value.kind is ErrorKind.STATE_NOT_WRITABLE
    assert not (tmp_path / "elsewhere").exists()


def test_a_shorter_number_leaves_nothing_of_the_longer(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("12345678901234567890\n")
    lock = InstanceLock(tmp_path / "lock")
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    lock.release()
