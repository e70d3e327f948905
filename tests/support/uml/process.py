"""One User Mode Linux kernel as a child process."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.guest.process import MachineProcess, tail

MODULES = Path("/usr/lib/uml/modules")
REPOSITORY = Path(__file__).resolve().parents[3]


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


class UmlProcess(MachineProcess):
    """A running kernel, many processes that carry its address spaces; ``console`` is all that it prints."""

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
            with _on_one_processor():
                super().__init__(
                    [kernel.program, *arguments],
                    scratch=console.parent,
                    log=log,
                    descriptors=(agent_inside.fileno(), terminal_inside.fileno()),
                    directory=kernel.working_directory,
                    environment=kernel.environment,
                )

    def end(self) -> None:
        """Kill what is left of it."""
        super().end()
        self.lines.agent.close()
        self.lines.terminal.close()

    def console_tail(self, lines: int = 60) -> str:
        """The last lines of the console."""
        return tail(self.console, lines)


_FIXED_ARGUMENTS = ("con=null", "con0=null,fd:1", "ssl=null", "panic=-1", "pty.legacy_count=0")


@contextmanager
def _on_one_processor() -> Iterator[None]:
    """What is started in here stays on one processor: it has one itself, and its processes run in turns.

    For each system call and page fault the kernel's process and the guest's wake each other (ptrace(2)). From
    one processor to another that is idle, on a virtual machine, that takes up to ten times as long.
    """
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def _channel(name: str, inside: socket.socket) -> str:
    return f"{name}=fd:{inside.fileno()},fd:{inside.fileno()}"
