"""The only importer of pyudev: a typed, narrow view of libudev (libudev(3))."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from errno import EINVAL, EOVERFLOW
from types import ModuleType
from typing import Any, Final, Literal

from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.attribute import read_attribute

Group = Literal["kernel", "udev"]

_SONAMES: Final = {"udev": "libudev.so.1"}
"""Part of libudev's ABI, and the same since 2011."""


@contextmanager
def _libraries_named() -> Iterator[None]:
    """Within, ``ctypes.util`` knows _SONAMES and nothing else.

    The real one runs ldconfig and, where that fails, gcc; and it imports tempfile and every compressor.
    """
    found = sys.modules.get("ctypes.util")
    stand_in = sys.modules["ctypes.util"] = ModuleType("ctypes.util")
    vars(stand_in)["find_library"] = _SONAMES.get
    try:
        yield
    finally:
        del sys.modules["ctypes.util"]
        if found is not None:
            sys.modules["ctypes.util"] = found


with _libraries_named():
    import pyudev


class UdevDevice:
    """One device; answers are read when asked. Text that is not UTF-8 counts as absent."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self.path = _text(device, "sys_path")

    @property
    def subsystem(self) -> str:
        """Name of its subsystem, "" where it has none."""
        return _text(self._device, "subsystem")

    @property
    def driver(self) -> str:
        """Name of the driver bound to it, "" where none is."""
        return _text(self._device, "driver")

    def property(self, name: str) -> str | None:
        """A property: the kernel's uevent variables and what udev's rules added."""
        try:
            value = self._device.properties.get(name)
        except UnicodeDecodeError:
            return None
        return None if value is None else str(value)

    def attribute(self, name: str) -> str | None:
        """Text of a sysfs attribute; not through libudev, which reads without a bound."""
        return read_attribute(self.path, name)


Concerns = Callable[[UdevDevice], bool]


class UdevMonitor:
    """A libudev monitor that is receiving. Never pyudev's poll(): after one ENOBUFS it raises for ever."""

    def __init__(self, monitor: Any, concerns: Concerns | None = None) -> None:
        self._monitor = monitor
        self._receive = monitor._receive_device
        self._concerns = concerns

    def fileno(self) -> int:
        """Descriptor for the event loop."""
        return int(self._monitor.fileno())

    def receive(self) -> str | None:
        """As ``uevents.Monitor.receive``."""
        try:
            device = self._receive()
        except ValueError as error:  # how pyudev spells EINVAL and, as OverflowError, EOVERFLOW
            raise OSError(EINVAL, str(error)) from error
        except OverflowError as error:
            raise OSError(EOVERFLOW, str(error)) from error
        if device is None or self._concerns is None or device.action == "remove":
            return None if device is None else _text(device, "sys_path")
        told = UdevDevice(device)
        return told.path if self._concerns(told) else ""

    def enlarge(self, size_bytes: int) -> None:
        """Ask for a receive buffer (the kernel doubles it). Raises OSError; keeps what it got until then."""
        self._monitor.set_receive_buffer_size(size_bytes)

    def close(self) -> None:
        """Close the socket: libudev does so with the last reference."""
        del self._receive, self._monitor


class Udev:
    """A libudev context. Not thread-safe: one for each thread."""

    def __init__(self) -> None:
        """Raises FAILED without libudev."""
        try:
            self._context = pyudev.Context()
        except (OSError, ImportError) as error:
            raise KmoddError(
                ErrorKind.FAILED, f"libudev.so.1 cannot be used: {error}", "install libudev1"
            ) from error

    def monitor(
        self, group: Group, subsystems: Iterable[str] = (), concerns: Concerns | None = None
    ) -> UdevMonitor:
        """Receive what the kernel sends, or udevd after its rules; only of ``subsystems`` if any are named.

        ``concerns`` says of a device, as its event tells of it, whether anybody wants to know; who goes away
        is always told. Raises OSError where netlink sockets are refused.
        """
        monitor = pyudev.Monitor.from_netlink(self._context, group)
        for subsystem in sorted(subsystems):
            monitor.filter_by(subsystem)
        monitor.start()
        return UdevMonitor(monitor, concerns)

    def device(self, path: str) -> UdevDevice | None:
        """The device at sys path ``path``; None where there is none (any more)."""
        try:
            return UdevDevice(pyudev.Devices.from_sys_path(self._context, path))
        except pyudev.DeviceNotFoundError:
            return None

    def devices(self, subsystem: str = "", *, with_modalias: bool = False) -> Iterator[UdevDevice]:
        """Every device present; only of subsystems that the glob names, only those with a modalias."""
        enumerator = self._context.list_devices()
        if subsystem:
            enumerator.match_subsystem(subsystem)
        if with_modalias:
            enumerator.match_property("MODALIAS", "*")
        for device in enumerator:
            yield UdevDevice(device)


def _text(device: Any, name: str) -> str:
    """A text property of a pyudev device; "" where it has none or the bytes are not UTF-8."""
    try:
        value = getattr(device, name)
    except UnicodeDecodeError:
        return ""
    return "" if value is None else str(value)
