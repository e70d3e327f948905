"""The only place in the tests that polls: conditions that no event tells of, looked at inside the guest."""

import os
import re
import subprocess
import time
from collections.abc import Callable

from tests.support.agent import files, processes

_PERIOD_S = 0.02
_COMMAND_TIMEOUT_S = 20.0


def wait_for_file(path: str, pattern: str, wanted: bool, timeout_s: float) -> bool:
    """Wait until ``pattern`` is found in the file, or (not ``wanted``) is not; False: not in time."""
    return _wait(lambda: files.matches(path, pattern) == wanted, timeout_s)


def wait_for_path(path: str, wanted: bool, timeout_s: float) -> bool:
    """Wait until ``path`` exists, or does not."""
    return _wait(lambda: os.path.lexists(path) == wanted, timeout_s)


def wait_for_command(argv: list[str], pattern: str, timeout_s: float) -> bool:
    """Wait until ``argv`` ends with status 0 and prints ``pattern``."""
    return _wait(lambda: _succeeds(argv, pattern), timeout_s)


def signal_when_seen(pattern: str, known: list[int], number: int, timeout_s: float) -> int:
    """Signal the first process, not ``known``, with ``pattern`` in an argument; its pid, or TimeoutError."""
    hit: list[int] = []

    def look() -> bool:
        for process in processes.scan():
            if process.pid not in known and any(re.search(pattern, argument) for argument in process.argv):
                os.kill(process.pid, number)
                hit.append(process.pid)
                return True
        return False

    if not _wait(look, timeout_s):
        raise TimeoutError(f"no process with {pattern} within {timeout_s:.0f} s")
    return hit[0]


def _succeeds(argv: list[str], pattern: str) -> bool:
    done = subprocess.run(
        argv, capture_output=True, env=processes.ENVIRONMENT, check=False, timeout=_COMMAND_TIMEOUT_S
    )
    printed = done.stdout.decode(errors="replace")
    return done.returncode == 0 and re.search(pattern, printed, re.MULTILINE) is not None


def _wait(holds: Callable[[], bool], timeout_s: float) -> bool:
    """Look until it holds, half of the time at most; the last look is after the deadline."""
    deadline = time.monotonic() + timeout_s
    began = time.monotonic()
    while not holds():
        now = time.monotonic()
        if now > deadline:
            return False
        time.sleep(max(_PERIOD_S, now - began))
        began = time.monotonic()
    return True
