"""A whole Debian with systemd as PID 1, in User Mode Linux."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.support.debian.systemd import SystemdMachine
from tests.support.guest.channel import Channel, MachineLost
from tests.support.images.recipe import Image
from tests.support.uml import preload
from tests.support.uml.process import Kernel, UmlProcess

_AGENT_UNIT = "kmodd-test-agent@dev-ttyS0.service"
_NO_INITRAMFS = ("/etc/initramfs-tools/update-initramfs.conf", "update_initramfs=no\n")
"""This kernel boots without one, and making one for the other kernel takes minutes in here."""
_BOOT_TIMEOUT_S = 180.0
_SHUTDOWN_TIMEOUT_S = 120.0
_CONSOLE_LINES = 200


class DebianMachine(SystemdMachine):
    """A booted Debian; ``reboot`` keeps its disk."""

    def __init__(self, image: Image, scratch: Path, memory_mib: int) -> None:
        self._image = image
        self._scratch = scratch
        self._memory_mib = memory_mib
        self._boots = 0

    # --------------------------------------------------------------------------------- life

    @classmethod
    @contextmanager
    def boot(
        cls, image: Image, *, command_line: tuple[str, ...] = (), memory_mib: int = 512
    ) -> Iterator[Self]:
        """A machine for the length of a with block, whose start-up is over (``is-system-running --wait``).

        It writes to a copy of the image; at the end it is cut off, and what it wrote is gone.
        """
        with tempfile.TemporaryDirectory(prefix="kmodd-debian-") as scratch:
            machine = cls(image, Path(scratch), memory_mib)
            machine._start(command_line)
            try:
                machine._wait_until_up()
                machine.write(*_NO_INITRAMFS)
                yield machine
            finally:
                machine._end()

    def reboot(self, *command_line: str) -> None:
        """Shut down as a person does, then boot again from the same disk."""
        self.power_off()
        self._end()
        self._start(command_line)
        self._wait_until_up()

    def power_off(self) -> None:
        """``systemctl poweroff``; MachineLost with the console when it does not come to an end."""
        self.start("systemctl", "poweroff")  # the answer may be cut off
        if not self._process.wait(_SHUTDOWN_TIMEOUT_S):
            raise MachineLost(f"the machine does not shut down; its console:\n{self.console()}")

    def _start(self, command_line: tuple[str, ...]) -> None:
        self._boots += 1
        directory = self._image.uml_kernel
        kernel = Kernel(
            "./linux", str(directory), {**preload.environment(), "LD_LIBRARY_PATH": str(directory)}
        )
        arguments = (
            f"ubd0={self._scratch}/disk,{self._image.disk}",
            "root=/dev/ubda",
            "rw",
            "systemd.log_color=0",
            f"systemd.wants={_AGENT_UNIT}",
            *command_line,
        )
        console = self._scratch / f"console-{self._boots}"
        self._process = UmlProcess(kernel, console, self._memory_mib, arguments)
        self.channel = Channel(self._process.lines.agent, self.console)

    def _wait_until_up(self) -> None:
        self.channel.result(self.channel.ready, _BOOT_TIMEOUT_S)
        self.systemctl("is-system-running", "--wait", timeout_s=_BOOT_TIMEOUT_S)
        self.mark()

    def _end(self) -> None:
        self._process.end()
        self.channel.join()

    def console(self) -> str:
        """What kernel and systemd printed, in this boot."""
        return self._process.console_tail(_CONSOLE_LINES)
