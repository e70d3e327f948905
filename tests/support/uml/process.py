"""One User Mode Linux kernel as a child process: started, watched, ended for sure."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MODULES = Path("/usr/lib/uml/modules")
REPOSITORY = Path(__file__).resolve().parents[3]
GUARDIAN = REPOSITORY / "tests/support/uml/guardian.py"
_EXIT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Lines:
    """The host's ends of the guest's serial line (agent) and second console (a person)."""

    agent: socket.socket
    terminal: socket.socket


@dataclass(frozen=True, slots=True)
class Kernel:
    """A program that is a kernel, and how it is executed."""

    program: str
    working_directory: str
    environment: Mapping[str, str]


class UmlProcess:
    """A running kernel; ``console`` is a file with all that it prints."""

    def __init__(self, kernel: Kernel, console: Path, memory_mib: int, command_line: tuple[str, ...]) -> None:
        agent, agent_inside = socket.socketpair()
        terminal, terminal_inside = socket.socketpair()
        self.console = console
        self.lines = Lines(agent, terminal)
        with agent_inside, terminal_inside, open(console, "wb") as log:
            channels = (_channel("ssl0", agent_inside), _channel("con1", terminal_inside))
            arguments = (
                f"mem={memory_mib}M",
                f"uml_dir={console.parent}",
                *channels,
                *_FIXED_ARGUMENTS,
                *command_line,
            )
            self._child = _start(kernel, arguments, log, (agent_inside.fileno(), terminal_inside.fileno()))
        self._guardian = _watch_over(self._child.pid, console.parent)

    def wait(self, timeout_s: float = _EXIT_TIMEOUT_S) -> bool:
        """Whether the kernel ended by itself within ``timeout_s``; its number stays taken until ``end``."""
        ended = os.pidfd_open(self._child.pid)
        try:
            return bool(select.select([ended], [], [], timeout_s)[0])
        finally:
            os.close(ended)

    def end(self) -> None:
        """Kill what is left of it: the kernel and the processes that carry its address spaces, one group."""
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._guardian.communicate(b".")
        self.lines.agent.close()
        self.lines.terminal.close()

    def console_tail(self, lines: int = 60) -> str:
        """The last lines of the console, for a person who has to find out why."""
        text = _TERMINAL_CODES.sub("", self.console.read_text(errors="replace"))
        return "\n".join([line for line in text.splitlines() if line][-lines:])


_FIXED_ARGUMENTS = ("con=null", "con0=null,fd:1", "ssl=null", "panic=-1", "pty.legacy_count=0")


_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\r")


def _channel(name: str, inside: socket.socket) -> str:
    return f"{name}=fd:{inside.fileno()},fd:{inside.fileno()}"


def _start(
    kernel: Kernel, arguments: tuple[str, ...], log: IO[bytes], fds: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    """A group of its own, so that a terminal's interrupt does not reach it and one kill reaches all of it."""
    return subprocess.Popen(
        [kernel.program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        pass_fds=fds,
        cwd=kernel.working_directory,
        env=kernel.environment,
        start_new_session=True,
    )


def _watch_over(group: int, directory: Path) -> subprocess.Popen[bytes]:
    """See guardian.py."""
    command = [sys.executable, "-IS", str(GUARDIAN), str(group), str(directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
