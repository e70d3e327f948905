"""The kernel's own requests for modules (request_module(), kernel/kmod.c), held back while a test likes.

A module whose init makes such a request, as nls_euc_jp and nls_koi8_ru do for the table that they extend,
stays in its init meanwhile: asleep, for sure and without a race.
"""

import fcntl
from pathlib import Path
from typing import IO

_MODPROBE = "/sbin/modprobe"
_SYSCTL = Path("/proc/sys/kernel/modprobe")
_HELPER = Path("/var/tmp/held-modprobe")  # /run may be mounted noexec, as Debian's initramfs does
_LOCK = Path("/run/held-modprobe.lock")


class Requests:
    """Holds a lock that the kernel's helper program waits for."""

    def __init__(self) -> None:
        self._lock: IO[str] | None = None

    def hold(self) -> None:
        """From now on a request waits."""
        self._lock = _LOCK.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        _HELPER.write_text(f'#!/bin/sh\nexec flock --shared {_LOCK} {_MODPROBE} "$@"\n')
        _HELPER.chmod(0o755)
        _SYSCTL.write_text(str(_HELPER))

    def release(self) -> None:
        """Carry out what waits, and hold nothing back any more; does nothing where nothing is held."""
        _SYSCTL.write_text(_MODPROBE)
        if self._lock is not None:
            self._lock.close()
            self._lock = None
