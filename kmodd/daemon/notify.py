"""The service manager's notification protocol (sd_notify(3)), without its library."""

import contextlib
import re
import socket
import time
from collections.abc import MutableMapping
from typing import Final

from kmodd.names import printable

_MICROSECONDS: Final = re.compile("[0-9]{1,18}")
_PATIENCE_S: Final = 1.0
"""How long a full queue of the service manager may hold us; what does not fit then is not said."""


class Notifier:
    """Tells the service manager how the daemon is doing; silent where nobody asked to be told."""

    def __init__(self, address: str = "") -> None:
        """``address``: path of a datagram socket, with a leading "@" in the abstract namespace."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str]) -> "Notifier":
        """As NOTIFY_SOCKET says; takes it out, so that no child speaks for the daemon."""
        address = environment.pop("NOTIFY_SOCKET", "")
        return cls(address if address[:1] in ("/", "@") else "")

    def ready(self, status: str) -> None:
        """Started, or reloaded."""
        self._send("READY=1", f"STATUS={printable(status)}")

    def status(self, status: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={printable(status)}")

    def reloading(self) -> None:
        """A reload begins; ``ready`` ends it (Type=notify-reload, systemd.service(5))."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The daemon is going down."""
        self._send("STOPPING=1")

    def watchdog(self) -> None:
        """Still alive; to be said at least every ``watchdog_interval_s``."""
        self._send("WATCHDOG=1")

    def _send(self, *assignments: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
            sender.settimeout(_PATIENCE_S)
            sender.sendto("\n".join(assignments).encode(), self._address)


def watchdog_interval_s(environment: MutableMapping[str, str], pid: int) -> float | None:
    """Half of what the service manager waits (sd_watchdog_enabled(3)); None: it does not watch ``pid``."""
    timeout = environment.pop("WATCHDOG_USEC", "")
    watched = environment.pop("WATCHDOG_PID", str(pid))
    if not _MICROSECONDS.fullmatch(timeout) or int(timeout) == 0 or watched != str(pid):
        return None
    return int(timeout) / 2_000_000
