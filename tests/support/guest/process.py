"""The process that is a machine, as a child of the tests: started, watched, ended for sure."""

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

_GUARDIAN = Path(__file__).with_name("guardian.py")
_EXIT_TIMEOUT_S = 10.0
_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")


class MachineProcess:
    """A child in a group of its own: a terminal's interrupt does not reach it, and one kill ends all of it.

    ``scratch`` is removed when the tests are killed, after the machine (guardian.py).
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        scratch: Path,
        log: IO[bytes],
        descriptors: tuple[int, ...],
        directory: str = "/",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=descriptors,
            cwd=directory,
            env=environment,
            start_new_session=True,
        )
        self._guardian = _watch_over(self._child.pid, scratch)

    def wait(self, timeout_s: float = _EXIT_TIMEOUT_S) -> bool:
        """Whether it ended by itself within ``timeout_s``; its number stays taken until ``end``."""
        ended = os.pidfd_open(self._child.pid)
        try:
            return bool(select.select([ended], [], [], timeout_s)[0])
        finally:
            os.close(ended)

    def end(self) -> None:
        """Kill what is left of its group."""
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._guardian.communicate(b".")


def tail(path: Path, lines: int) -> str:
    """The last lines of a console's log, for a person who has to find out why."""
    text = _TERMINAL_CODES.sub("", path.read_text(errors="replace"))
    return "\n".join([line for line in text.splitlines() if line][-lines:])


def _watch_over(group: int, directory: Path) -> subprocess.Popen[bytes]:
    """See guardian.py."""
    command = [sys.executable, "-IS", str(_GUARDIAN), str(group), str(directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
