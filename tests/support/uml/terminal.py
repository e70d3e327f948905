"""A person's terminal connected to the guest's second console."""

import os
import select
import shutil
import signal
import socket
import sys
import termios
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.support.uml.machine import Machine

_INSIDE = "/dev/tty1"
_CHUNK = 512
_NO_END_S = 7 * 24 * 3600.0


def leave_in_shell(vm: Machine, environment: Mapping[str, str]) -> None:
    """Give the terminal of this process a shell in the guest, until that shell ends."""
    shell = ("/bin/bash", "--norc", "-i")
    pid = vm.spawn_on_terminal(*shell, terminal=_INSIDE, environment=environment)
    _resize(vm)  # not before: a terminal that nobody has open forgets its size
    ended, end = os.pipe()
    vm.channel.submit("wait", pid=pid, timeout_s=_NO_END_S).add_done_callback(lambda _: os.close(end))
    with open(ended, "rb", buffering=0) as shell_end, _raw_terminal(vm):
        _pump(vm.terminal, shell_end.fileno())


def _pump(inside: socket.socket, shell_end: int) -> None:
    """Carry bytes both ways until ``shell_end`` becomes readable."""
    keyboard, screen = sys.stdin.fileno(), sys.stdout.fileno()
    while True:
        readable, _, _ = select.select([keyboard, inside, shell_end], [], [])
        if inside in readable:
            os.write(screen, inside.recv(4096))
        elif shell_end in readable:
            return
        elif keyboard in readable:
            inside.sendall(os.read(keyboard, _CHUNK))


@contextmanager
def _raw_terminal(vm: Machine) -> Iterator[None]:
    """Every key goes to the guest, and so does the size of the window."""
    before = termios.tcgetattr(sys.stdin)
    handler = signal.signal(signal.SIGWINCH, lambda _number, _frame: _resize(vm))
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, handler)


def _resize(vm: Machine) -> None:
    size = shutil.get_terminal_size()
    vm.channel.submit("resize", path=_INSIDE, rows=size.lines, columns=size.columns)
