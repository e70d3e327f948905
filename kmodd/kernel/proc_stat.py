"""What /proc/PID/stat says of a process (proc_pid_stat(5)).

Imported by the loader: nothing heavy in here.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# state is field 3, starttime 22; field 2 is a name in parentheses that may hold anything.
_STATE: Final = 3 - 3
_START_TICKS: Final = 22 - 3


def start_ticks(pid: int, proc: str = "/proc") -> int:
    """When a process began, in clock ticks since boot: with its number, which it is. Raises OSError: none."""
    return int(_fields(pid, proc)[_START_TICKS])


def process_state(pid: int, proc: str = "/proc") -> str:
    """What a process does: R runs or could, S and D sleep. Raises OSError: none."""
    return _fields(pid, proc)[_STATE].decode("ascii")


def _fields(pid: int, proc: str) -> list[bytes]:
    with open(f"{proc}/{pid}/stat", "rb", buffering=0) as file:
        fields = file.readall().rpartition(b")")[2].split()
    if len(fields) <= _START_TICKS:
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
    return fields
