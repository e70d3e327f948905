"""Files from the service manager: taken by name, moved out of the way, announced to nobody else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kmodd.daemon.passed import passed_files

_PROGRAM = """
import fcntl, os, sys
from kmodd.daemon.passed import passed_files
environment = {"LISTEN_FDS": sys.argv[1], "LISTEN_FDNAMES": sys.argv[2], "LISTEN_PID": str(os.getpid())}
found = passed_files(environment, os.getpid())
texts = {name: [os.read(fd, 9).decode() for fd in fds] for name, fds in found.items()}
flags = {fcntl.fcntl(fd, fcntl.F_GETFD) for fds in found.values() for fd in fds}
print(texts, flags, environment, min((fd for fds in found.values() for fd in fds), default=99) >= 64)
print([fd for fd in (3, 4, 5) if os.path.exists(f"/proc/self/fd/{fd}")])
"""


def test_files_are_found_by_name(tmp_path: Path) -> None:
    """In a process of its own, whose descriptors from 3 on are what was announced."""
    for name in "abc":
        (tmp_path / name).write_text(name)
    paths = [str(tmp_path / name) for name in "abc"]
    opened = "".join(f"os.set_inheritable(os.open({path!r}, os.O_RDONLY), True)\n" for path in paths)
    become = f"os.execv(sys.executable, [sys.executable, '-c', {_PROGRAM!r}, '3', 'kmsg:x:kmsg'])"
    command = [sys.executable, "-c", f"import os, sys\n{opened}{become}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.splitlines() == ["{'kmsg': ['a', 'c'], 'x': ['b']} {1} {} True", "[]"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "many", "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "kmsg"},
    ],
)
def test_what_is_meant_for_another_or_makes_no_sense_is_not_taken(environment: dict[str, str]) -> None:
    assert passed_files(environment, os.getpid()) == {}
    assert environment == {}


def test_a_file_that_is_not_there_is_left_out() -> None:
    program = f"import os, sys\nos.closerange(3, 99)\nsys.argv[1:] = ['2', 'kmsg:kmsg']\n{_PROGRAM}"
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.splitlines()[0] == "{} set() {} True"
