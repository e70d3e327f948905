"""Uevents from the kernel's own netlink group (lib/kobject_uevent.c), without libudev.

Every start listens to those of modules before its first pass; libudev and its binding are a twelfth of what
a start takes, and only who asks for devices needs them. What libudev does for this group is little: it
believes the kernel and nobody else, and passes over what is of another subsystem.
"""

import socket
from collections.abc import Callable
from errno import EINVAL
from typing import Final

from kmodd.events.kernel_filter import MODULE_PREFIXES

_PROTOCOL: Final = 15  # NETLINK_KOBJECT_UEVENT of linux/netlink.h
_KERNEL_GROUP: Final = 1  # the only one of the kernel's; udevd speaks in 2 (libudev, sd-device)
_FROM_KERNEL: Final = 0
"""Port of the kernel in netlink(7): no socket of a process can have it."""
_SO_RCVBUFFORCE: Final = 33  # asm-generic/socket.h
_MOST_BYTES: Final = 8192
"""More than the kernel's 2048 of variables (UEVENT_BUFFER_SIZE) with the longest path before them."""
_SUBSYSTEM: Final = b"SUBSYSTEM=module"


class KernelSocket:
    """A ``uevents.Monitor`` of what comes from the kernel, or from who may speak for it.

    That is whoever has CAP_SYS_ADMIN where the network namespace belongs (uevent_net_rcv()).
    """

    def __init__(self, path_of: Callable[[bytes], str]) -> None:
        """``path_of``: sys path of what a message is about, "" where it concerns nobody.

        Raises OSError where netlink sockets are refused.
        """
        self._path_of = path_of
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, _PROTOCOL)

    def fileno(self) -> int:
        """Descriptor for the event loop."""
        return self._socket.fileno()

    def start(self) -> None:
        """Receive from now on; a filter that was attached before holds for every message. Raises OSError."""
        self._socket.bind((0, _KERNEL_GROUP))

    def receive(self) -> str | None:
        """As ``uevents.Monitor.receive``."""
        try:
            data, _, flags, sender = self._socket.recvmsg(_MOST_BYTES)
        except BlockingIOError:
            return None
        if sender != (_FROM_KERNEL, _KERNEL_GROUP):
            return ""
        if flags & socket.MSG_TRUNC:
            raise OSError(EINVAL, "a uevent is longer than the kernel makes them")
        return self._path_of(data)

    def enlarge(self, size_bytes: int) -> None:
        """Ask for a receive buffer (the kernel doubles it). Raises OSError; keeps what it got until then."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size_bytes)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size_bytes)

    def close(self) -> None:
        """Close the socket; the event loop must have let go of it."""
        self._socket.close()


def module_path(message: bytes) -> str:
    """Sys path of the module that a uevent is about, "" for any other message.

    "ACTION@DEVPATH", a NUL byte, then the variables, each with one behind it.
    """
    head, _, variables = message.partition(b"\0")
    if not head.startswith(MODULE_PREFIXES) or _SUBSYSTEM not in variables.split(b"\0"):
        return ""
    try:
        return f"/sys{head.partition(b'@')[2].decode('ascii')}"
    except UnicodeDecodeError:
        return ""
