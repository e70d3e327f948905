"""One QEMU as a child process, with its protocol and a line to the agent that can be drawn anew."""

import socket
from collections.abc import Callable
from pathlib import Path

from tests.support.guest.channel import Channel
from tests.support.guest.process import MachineProcess
from tests.support.vm.boot import QEMU, Boot, Ends
from tests.support.vm.qmp import Qmp

QEMU_LOG = "qemu.log"


class QemuProcess(MachineProcess):
    """A running machine, or (``incoming``) one that waits for a state; failures show ``last_words``."""

    def __init__(
        self, boot: Boot, disk: Path, console: Path, last_words: Callable[[], str], *, incoming: bool = False
    ) -> None:
        scratch = console.parent
        address = scratch / "agent"
        address.unlink(missing_ok=True)
        self._address = str(address)
        self._last_words = last_words
        self._qmp_line, qmp_inside = socket.socketpair()
        with socket.socket(socket.AF_UNIX) as agent, qmp_inside, open(scratch / QEMU_LOG, "ab") as log:
            agent.bind(self._address)
            agent.listen()
            self._line = self._connect()
            ends = Ends(disk, console, qmp_inside.fileno(), agent.fileno())
            super().__init__(
                [QEMU, *boot.arguments(), *ends.arguments(), *(("-incoming", "defer") if incoming else ())],
                scratch=scratch,
                log=log,
                descriptors=(qmp_inside.fileno(), agent.fileno()),
            )
        self.channel = Channel(self._line, last_words)
        self.qmp = Qmp(self._qmp_line, last_words)

    def connect_again(self) -> None:
        """A new line to the agent, after a reset: what was on its way on the old one is gone."""
        self._hang_up()
        self._line = self._connect()
        self.channel = Channel(self._line, self._last_words)

    def end(self) -> None:
        """Kill what is left of it."""
        super().end()
        self._hang_up()
        self.qmp.join()
        self._qmp_line.close()

    def _connect(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX)
        line.connect(self._address)
        return line

    def _hang_up(self) -> None:
        self._line.shutdown(socket.SHUT_RDWR)
        self.channel.join()
        self._line.close()
