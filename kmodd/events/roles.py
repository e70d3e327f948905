"""Where devices and their events come from, as protocols; only type checkers import them."""

from collections.abc import Iterator
from typing import Protocol


class DeviceView(Protocol):
    """A device as matching sees it; each question is answered when it is asked, hostile text included."""

    @property
    def subsystem(self) -> str:
        """Name of its subsystem, "" where it has none."""

    @property
    def driver(self) -> str:
        """Name of the driver bound to it, "" where none is."""

    def property(self, name: str) -> str | None:
        """A udev property, the kernel's uevent variables included; None where it is not set."""

    def attribute(self, name: str) -> str | None:
        """Text of a sysfs attribute without its last newline; None where it cannot be read."""


class Device(DeviceView, Protocol):
    """A device that can be matched, and where it is."""

    @property
    def path(self) -> str:
        """Its sys path."""


class DeviceSource(Protocol):
    """Where devices are read from; udev in a running system."""

    def device(self, path: str) -> Device | None:
        """The device at a sys path, None where there is none."""

    def devices(self, subsystem: str = "", *, with_modalias: bool = False) -> Iterator[Device]:
        """Every device present; only of subsystems that the glob names, only those with a modalias."""


class Monitor(Protocol):
    """A stream of uevents; a socket that is readable when there is one."""

    def fileno(self) -> int:
        """Descriptor for the event loop."""

    def receive(self) -> str | None:
        """Sys path of the next event's device, "" where it is no text or concerns nobody; None: nothing now.

        Raises OSError: ENOBUFS when events were lost, EINVAL for a message that is no event.
        """

    def close(self) -> None:
        """Close the socket; the event loop must have let go of it."""


class Growing(Monitor, Protocol):
    """One whose receive buffer can be asked for."""

    def enlarge(self, size_bytes: int) -> None:
        """Raises OSError; keeps what it got until then."""
