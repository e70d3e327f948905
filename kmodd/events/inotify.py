"""inotify(7) by ctypes: three calls and one structure."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from typing import Final

from kmodd.errors import ErrorKind, KmoddError
from kmodd.named_tuple import NamedTuple

READ_BYTES: Final = 16384
"""What one read takes at most: 64 to 1024 events, so a flood does not hold the loop."""

_HEADER: Final = struct.Struct("@iIII")  # struct inotify_event: wd, mask, cookie, len; then the name


class Mask:
    """Bits of linux/inotify.h that are used here; plain numbers: an IntFlag is slow to make and to use."""

    MODIFY: Final = 0x2
    ATTRIB: Final = 0x4
    CLOSE_WRITE: Final = 0x8
    MOVED_FROM: Final = 0x40
    MOVED_TO: Final = 0x80
    CREATE: Final = 0x100
    DELETE: Final = 0x200
    DELETE_SELF: Final = 0x400
    MOVE_SELF: Final = 0x800
    UNMOUNT: Final = 0x2000
    Q_OVERFLOW: Final = 0x4000
    IGNORED: Final = 0x8000
    ONLYDIR: Final = 0x0100_0000
    MASK_ADD: Final = 0x2000_0000
    ISDIR: Final = 0x4000_0000


class FileEvent(NamedTuple):
    """One event: watch descriptor (-1: Q_OVERFLOW), what happened, to which entry ("" the directory)."""

    watch: int
    mask: int
    name: str = ""


def decode(buffer: bytes) -> Iterator[FileEvent]:
    """Events of one read(2); the kernel never cuts one in two."""
    offset = 0
    while offset < len(buffer):
        watch, mask, _, length = _HEADER.unpack_from(buffer, offset)
        offset += _HEADER.size
        name = buffer[offset : offset + length].rstrip(b"\0")
        offset += length
        yield FileEvent(watch, mask, os.fsdecode(name))


class Inotify:
    """One inotify instance; the descriptor does not block and is closed on exec."""

    def __init__(self) -> None:
        """Raises FAILED where the kernel gives no instance."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
        self._libc.inotify_rm_watch.argtypes = (ctypes.c_int, ctypes.c_int)
        try:
            self._descriptor = _checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as error:
            raise KmoddError(
                ErrorKind.FAILED,
                f"files cannot be watched: {error.strerror}",
                "raise fs.inotify.max_user_instances (sysctl(8))",
            ) from error

    def fileno(self) -> int:
        """Descriptor for the event loop."""
        return self._descriptor

    def add(self, path: str, mask: int) -> int:
        """Watch ``path``; the same descriptor for a path that leads to the same inode. Raises OSError."""
        return _checked(self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), mask))

    def remove(self, watch: int) -> None:
        """End a watch; the kernel may have done so before."""
        self._libc.inotify_rm_watch(self._descriptor, watch)

    def read(self) -> tuple[FileEvent, ...]:
        """What has happened, oldest first; empty when nothing has."""
        try:
            return tuple(decode(os.read(self._descriptor, READ_BYTES)))
        except BlockingIOError:
            return ()

    def close(self) -> None:
        """Close the instance with all its watches."""
        os.close(self._descriptor)


def _checked(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
