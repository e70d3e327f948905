"""A whole Debian in QEMU: real hardware comes and goes, the kernel may crash, the power may go."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from tests.support.debian.systemd import SystemdMachine
from tests.support.guest.channel import GuestRestarted, MachineLost
from tests.support.guest.process import tail
from tests.support.vm import disk
from tests.support.vm.boot import Boot
from tests.support.vm.devices import DEVICES, DeviceName
from tests.support.vm.process import QEMU_LOG, QemuProcess
from tests.support.vm.snapshot import Snapshot, restore, save

_BOOT_TIMEOUT_S = 300.0
_SHUTDOWN_TIMEOUT_S = 120.0
_UNPLUG_TIMEOUT_S = 60.0
_CONSOLE_LINES = 200


class VirtualMachine(SystemdMachine):
    """A booted machine; its disk outlives a reset, what was not written to it before a crash does not."""

    patience_s = 120.0
    """Under emulation, on a machine that has other things to do."""

    def __init__(self, boot: Boot, scratch: Path) -> None:
        self._boot = boot
        self._scratch = scratch
        self._disk = scratch / "disk.qcow2"
        self._console = scratch / "console"

    # --------------------------------------------------------------------------------- life

    @classmethod
    @contextmanager
    def boot(cls, boot: Boot) -> Iterator[Self]:
        """A machine for the length of a with block, its start-up over; it writes to a copy of the disk."""
        with tempfile.TemporaryDirectory(prefix="kmodd-vm-") as scratch:
            machine = cls(boot, Path(scratch))
            disk.overlay(boot.image.disk, "raw", machine._disk)
            with machine._running():
                machine._wait_until_up()
                yield machine

    @classmethod
    @contextmanager
    def resume(cls, snapshot: Snapshot) -> Iterator[Self]:
        """A machine that goes on where ``snapshot`` was taken, for the length of a with block."""
        with tempfile.TemporaryDirectory(prefix="kmodd-vm-") as scratch:
            machine = cls(snapshot.boot, Path(scratch))
            disk.overlay(snapshot.disk, "qcow2", machine._disk)
            with machine._running(incoming=True):
                restore(machine._process.qmp, snapshot)
                yield machine

    @contextmanager
    def _running(self, *, incoming: bool = False) -> Iterator[None]:
        self._start(incoming=incoming)
        try:
            yield
        finally:
            self._process.end()

    def _start(self, *, incoming: bool = False) -> None:
        self._process = QemuProcess(
            self._boot, self._disk, self._console, self._last_words, incoming=incoming
        )
        self.channel = self._process.channel
        self._process.qmp.execute("qmp_capabilities")

    def _wait_until_up(self) -> None:
        """In this boot, or in one after it where this one crashes meanwhile."""
        self.channel.result(self.channel.ready, _BOOT_TIMEOUT_S)
        while True:
            try:
                self.systemctl("is-system-running", "--wait", timeout_s=_BOOT_TIMEOUT_S)
            except GuestRestarted:
                continue
            return

    def keep(self, directory: Path) -> Snapshot:
        """The machine as it is now, in ``directory``; it stands still from here on."""
        self.run("sync").check()
        snapshot = Snapshot(directory, self._boot)
        save(self._process.qmp, self._disk, snapshot)
        return snapshot

    # ------------------------------------------------------------------------------- resets

    def reboot(self) -> None:
        """Shut down as a person does, and come up again."""
        with self.next_boot(_SHUTDOWN_TIMEOUT_S):
            self.systemctl("reboot")

    def reset(self) -> None:
        """The reset button: nothing is shut down, nothing written that was not written yet."""
        with self.next_boot():
            self._process.qmp.execute("system_reset")

    def crash(self) -> None:
        """The kernel panics (sysrq c) and, told so by panic=, begins anew."""
        with self.next_boot():
            self.channel.submit("write_file", path="/proc/sysrq-trigger", content="c", mode=0, atomic=False)

    @contextmanager
    def next_boot(self, timeout_s: float = _UNPLUG_TIMEOUT_S) -> Iterator[None]:
        """What is done in the block resets the machine; behind it the machine is up again."""
        since = self._process.qmp.mark()
        yield
        self._process.qmp.wait_for(since, timeout_s, lambda event: event.name == "RESET")
        self._process.connect_again()
        self.channel = self._process.channel
        self._wait_until_up()

    def power_off(self) -> None:
        """``systemctl poweroff``; MachineLost with the console when it does not come to an end."""
        self.systemctl("poweroff")
        if not self._process.wait(_SHUTDOWN_TIMEOUT_S):
            raise MachineLost(f"the machine does not shut down; its console:\n{self.console()}")

    def cut_power(self) -> None:
        """The plug is pulled; ``power_on`` brings the machine back with what its disk holds."""
        self._process.qmp.execute("quit")
        self._process.wait()

    def power_on(
        self,
        *,
        command_line: tuple[str, ...] = (),
        initrd: Path | None = None,
        plugged: tuple[DeviceName, ...] = (),
    ) -> None:
        """Boot from the same disk after ``power_off``, with these devices there from the start."""
        self._process.end()
        self._boot = replace(self._boot, command_line=command_line, initrd=initrd)
        self._start()
        for device in plugged:
            self.plug(device)
        self._wait_until_up()

    def take_from_disk(self, path: str) -> Path:
        """A file off the disk of the machine, which has been powered off."""
        target = self._scratch / Path(path).name
        disk.extract(self._disk, path, target)
        return target

    # ----------------------------------------------------------------------------- hardware

    def plug(self, name: DeviceName) -> None:
        """Plug a device in."""
        device = DEVICES[name]
        if device.medium:
            self._process.qmp.execute("blockdev-add", device.medium)
        where = {"driver": device.driver, "id": name, "bus": device.bus}
        self._process.qmp.execute("device_add", {**where, **device.properties})

    def unplug(self, name: DeviceName) -> None:
        """Pull a device out, and wait until it is gone."""
        qmp = self._process.qmp
        since = qmp.mark()
        qmp.execute("device_del", {"id": name})
        qmp.wait_for(since, _UNPLUG_TIMEOUT_S, lambda event: event.deleted == name)
        medium = DEVICES[name].medium
        if medium:
            qmp.execute("blockdev-del", {"node-name": medium["node-name"]})

    def console(self) -> str:
        """What the kernel printed, over all boots."""
        return tail(self._console, _CONSOLE_LINES)

    def _last_words(self) -> str:
        """What QEMU itself complained of, and the console, which a QEMU that did not start does not have."""
        logs = (self._scratch / QEMU_LOG, self._console)
        return "\n".join(tail(log, _CONSOLE_LINES) for log in logs if log.exists())
