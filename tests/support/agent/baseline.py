"""Back to the state before a test: its processes, SCSI hosts, modules and files are gone."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tests.support.agent import files, processes

_ADD_HOST = Path("/sys/bus/pseudo/drivers/scsi_debug/add_host")
_ROUNDS = 10
_PERMANENT = ("ipv6",)

CONFIGURATION = (
    "/etc/kmodd",
    "/etc/kmodd.d",
    "/usr/local/lib/kmodd.d",
    "/usr/lib/kmodd.d",
    "/etc/modprobe.d",
    "/etc/modules-load.d",
    "/usr/local/lib/modprobe.d",
    "/etc/udev/rules.d",
    "/var/lib/kmodd",
)
"""Directories that are there and empty at the start of a test, whatever the host has in them."""

_ABSENT = ("/run/kmodd", "/run/kmodd.d", "/run/modprobe.d", "/run/udev/rules.d", "/var/log/kmodd")


def clear_configuration() -> None:
    """No file configures anything, and the daemon has never run."""
    for path in map(Path, CONFIGURATION):
        path.mkdir(parents=True, exist_ok=True)
        files.empty(path)
    for name in filter(os.path.lexists, _ABSENT):
        files.remove(name)


class Baseline:
    """What runs and what is loaded when the machine is handed over; ``reset`` goes back to it."""

    def __init__(self) -> None:
        self._modules: frozenset[str] = frozenset()
        self._services: frozenset[int] = frozenset()
        self._mounts: tuple[str, ...] = ()

    def mark(self) -> None:
        """Remember modules, mounts and processes as they are now; what nothing can remove is loaded first."""
        subprocess.run(["/sbin/modprobe", "--all", "--quiet", *_PERMANENT], check=False)
        self._mounts = _mounts()
        self._modules = frozenset(_loaded())
        self._services = frozenset(_pids()) - {1, os.getpid()}

    def reset(self) -> list[str]:
        """Go back; the modules that could not be removed."""
        _end(self._strangers())
        self._unmount()
        clear_configuration()
        return self.unload()

    def unload(self) -> list[str]:
        """Unplug every SCSI host and remove the modules that came since; those that could not be removed."""
        _unplug_everything()
        return self._remove_new_modules()

    def _strangers(self) -> list[int]:
        """Processes that were not there, except the workers of services that were."""
        known = self._services | {1, os.getpid()}
        return [
            process.pid
            for process in processes.scan()
            if process.pid not in known and process.parent not in self._services
        ]

    def _unmount(self) -> None:
        """What was mounted since, the last one first, and every swap."""
        subprocess.run(["/sbin/swapoff", "--all"], check=False)
        for target in reversed(_mounts()[len(self._mounts) :]):
            subprocess.run(["/bin/umount", target], capture_output=True, check=False)

    def _remove_new_modules(self) -> list[str]:
        """Rounds, because a holder may stand anywhere in the list and udev may still have a device open."""
        for _ in range(_ROUNDS):
            names = [name for name in _loaded() if name not in self._modules]
            if not names:
                return []
            _settle()
            for name in names:
                subprocess.run(["/sbin/rmmod", name], capture_output=True, check=False)
        return [name for name in _loaded() if name not in self._modules]


def _loaded() -> list[str]:
    """Names in /proc/modules, the one loaded last first; [] for a kernel without modules."""
    listing = Path("/proc/modules")
    return [line.split()[0] for line in listing.read_text().splitlines()] if listing.exists() else []


def _mounts() -> tuple[str, ...]:
    """Mount points in the order of mounting; the test's are behind those that were there (proc_mounts(5))."""
    return tuple(line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())


def _pids() -> list[int]:
    return [process.pid for process in processes.scan()]


def _end(pids: list[int]) -> None:
    """Kill and wait until init has collected them."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5.0
    while not frozenset(pids).isdisjoint(_pids()) and time.monotonic() < deadline:
        time.sleep(0.01)


def _unplug_everything() -> None:
    hosts = int(_ADD_HOST.read_text()) if _ADD_HOST.exists() else 0
    if hosts:
        _settle()
        _ADD_HOST.write_text(f"-{hosts}")


def _settle() -> None:
    """Let udevd finish, where it runs."""
    subprocess.run(["/usr/bin/udevadm", "settle"], capture_output=True, check=False)
