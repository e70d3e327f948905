"""Open files that the service manager passes on (sd_listen_fds(3)): what the sandbox lets nobody open."""

import fcntl
import os
from collections.abc import MutableMapping
from typing import Final

_FIRST: Final = 3  # SD_LISTEN_FDS_START
_CLEAR: Final = 64
"""Above the numbers that children are given, so that handing one on never overwrites another."""


def passed_files(environment: MutableMapping[str, str], pid: int) -> dict[str, tuple[int, ...]]:
    """Descriptors by name, close-on-exec; takes the announcement out, so that no child believes it.

    A descriptor that is announced and not there is left out.
    """
    announced = environment.pop("LISTEN_FDS", "")
    names = environment.pop("LISTEN_FDNAMES", "").split(":")
    if environment.pop("LISTEN_PID", "") != str(pid) or not announced.isdecimal():
        return {}
    found: dict[str, tuple[int, ...]] = {}
    for name, number in zip(names, range(_FIRST, _FIRST + int(announced)), strict=False):
        try:
            moved = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _CLEAR)
        except OSError:
            continue
        os.close(number)
        found[name] = (*found.get(name, ()), moved)
    return found
