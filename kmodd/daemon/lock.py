"""One daemon a machine: a lock that the kernel releases whatever way the process ends (flock(2))."""

import fcntl
import os
from pathlib import Path

from kmodd.errors import ErrorKind, KmoddError


class InstanceLock:
    """Held from construction until ``release``. Raises ALREADY_RUNNING, STATE_NOT_WRITABLE."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise KmoddError(
                ErrorKind.STATE_NOT_WRITABLE,
                f"cannot open {path}: {error.strerror}",
                "kmodd runs as root and needs its runtime directory",
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise KmoddError(
                ErrorKind.ALREADY_RUNNING,
                f"another kmodd is running (process {holder})",
                "stop it first, or talk to it with kmoddctl",
            ) from error
        os.truncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another one start."""
        os.close(self._descriptor)
