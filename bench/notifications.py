"""What kmodd tells the service manager (sd_notify(3)), and when it did."""

import select
import socket
import struct
from pathlib import Path
from typing import NamedTuple, Self

SO_TIMESTAMPNS = 35
"""asm-generic/socket.h; the socket module does not have it."""

_TIMESPEC = struct.Struct("@qq")
_MOST_BYTES = 1 << 16


class Notice(NamedTuple):
    """One datagram. ``sent_s``: when the kernel took it (CLOCK_REALTIME), whenever it was read."""

    sent_s: float
    lines: tuple[str, ...]


class Notifications:
    """A socket for NOTIFY_SOCKET, for the length of a with block."""

    def __init__(self, path: Path) -> None:
        """``path``: where the socket is to lie."""
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.bind(str(self.path))
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def fileno(self) -> int:
        """Descriptor, readable when there is something to receive."""
        return self._socket.fileno()

    def receive(self) -> Notice:
        """The next notice; waits for it."""
        data, control, _, _ = self._socket.recvmsg(_MOST_BYTES, socket.CMSG_SPACE(_TIMESPEC.size))
        (stamp,) = [value for _, kind, value in control if kind == SO_TIMESTAMPNS]
        seconds, nanoseconds = _TIMESPEC.unpack(stamp)
        return Notice(seconds + nanoseconds / 1e9, tuple(data.decode().split("\n")))

    def drain(self) -> None:
        """Pass over what lies there already."""
        while select.select([self], [], [], 0)[0]:
            self.receive()

    def watchdog(self) -> float:
        """When the next WATCHDOG=1 was sent; waits for it, and passes over everything else."""
        while "WATCHDOG=1" not in (notice := self.receive()).lines:
            pass
        return notice.sent_s
