"""A booted guest in the words of the domain, whatever booted it: kernel, configuration, bus, waiting."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

from tests.support.guest.calls import Completed, GuestCalls
from tests.support.guest.conditions import Condition

CONFIGURATION_DIRECTORY = "/etc/kmodd.d"
WAIT_S = 20.0
_SCSI_HOSTS = "/sys/bus/pseudo/drivers/scsi_debug/add_host"


@dataclass(frozen=True, slots=True)
class LoadedModule:
    """A line of /proc/modules; ``state`` is Live, Loading or Unloading."""

    name: str
    memory_bytes: int
    refcount: int
    holders: tuple[str, ...]
    state: str


class GuestMachine(GuestCalls):
    """What every machine of the tests has. Everything that a test does to it stays in it."""

    patience_s: ClassVar[float] = WAIT_S
    """How long what has to come may take."""

    @abstractmethod
    def console(self) -> str:
        """What the kernel printed."""

    @abstractmethod
    def log(self) -> str:
        """What kmodd wrote."""

    def settle(self) -> None:
        """Wait until udevd has handled every event so far."""
        self.run("udevadm", "settle", timeout_s=60).check()

    def busctl(self, *arguments: str, timeout_s: float = 30.0) -> Completed:
        """Run busctl on the system bus."""
        return self.run("busctl", "--no-pager", *arguments, timeout_s=timeout_s)

    def wait_for(self, condition: Condition, timeout_s: float | None = None) -> None:
        """Wait for a condition; AssertionError with the daemon's log when it does not come to hold."""
        allowed_s = self.patience_s if timeout_s is None else timeout_s
        if not self.holds_within(condition, allowed_s):
            raise AssertionError(f"not within {allowed_s:.0f} s: {condition}\nkmodd's log:\n{self.log()}")

    # ------------------------------------------------------------------------ configuration

    def drop(
        self, name: str, text: str | bytes, *, directory: str = CONFIGURATION_DIRECTORY, mode: int = 0o644
    ) -> None:
        """Put a file into a configuration directory, in one step as a package or an editor does."""
        self.write(f"{directory}/{name}", text, mode=mode)

    def remove_file(self, name: str, *, directory: str = CONFIGURATION_DIRECTORY) -> None:
        """Take a file out of a configuration directory."""
        self.remove(f"{directory}/{name}")

    # ------------------------------------------------------------------------------- kernel

    def modules(self) -> Mapping[str, LoadedModule]:
        """What /proc/modules lists (fs/proc: m_show in kernel/module/procfs.c)."""
        return {
            module.name: module for module in map(_loaded_module, self.read("/proc/modules").splitlines())
        }

    def parameter(self, module: str, name: str) -> str:
        """A parameter as sysfs shows it, without the newline."""
        return self.read(f"/sys/module/{module}/parameters/{name}").removesuffix("\n")

    def set_parameter(self, module: str, name: str, value: str) -> None:
        """Write a parameter behind everybody's back."""
        self.write(f"/sys/module/{module}/parameters/{name}", value, atomic=False)

    def insert(self, module: str) -> None:
        """Insert a module's file as root can, past everything that modprobe.d says; does nothing if it is in.

        What it needs has to be there already.
        """
        path = self.run("modinfo", "--field=filename", module).check().stdout.strip()
        done = self.run("insmod", path)
        if done.status != 0 and "File exists" not in done.stderr:
            done.check()

    @contextmanager
    def holding_requests(self) -> Iterator[None]:
        """What the kernel itself asks modprobe for comes after the block; an init that asks sleeps meanwhile.

        nls_euc_jp and nls_koi8_ru are such modules, independent of each other.
        """
        self._call("hold_requests")
        try:
            yield
        finally:
            self._call("release_requests")

    def plug_scsi(self) -> None:
        """Plug a SCSI host with a disk in: a device with modalias scsi:t-0x00 appears."""
        if "scsi_debug" not in self.modules():
            self.run("modprobe", "scsi_debug", "add_host=0").check()
        self.write(_SCSI_HOSTS, "1", atomic=False)

    def unplug_scsi(self) -> None:
        """Pull the last SCSI host out."""
        self.write(_SCSI_HOSTS, "-1", atomic=False)


def _loaded_module(line: str) -> LoadedModule:
    name, memory, refcount, holders, state = line.split()[:5]
    users = tuple(holder for holder in holders.split(",") if holder not in ("", "-"))
    return LoadedModule(name, int(memory), int(refcount), users, state)
