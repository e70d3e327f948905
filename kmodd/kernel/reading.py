"""Files that others wrote, read with a bound and without waiting for anybody.

Imported by the loader: nothing heavy in here.
"""

import os
import stat
from collections.abc import Iterator
from typing import Final

_CHUNK: Final = 2**18


def read_bounded(path: str, limit: int) -> bytes:
    """At most ``limit`` bytes of a file; nothing of one that cannot be read, and of a FIFO what is in it."""
    return b"".join(chunks(path, limit))


def chunks(path: str, limit: int, size: int = _CHUNK) -> Iterator[bytes]:
    """As ``read_bounded``, in parts of at most ``size`` bytes."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):  # a NUL in the path
        return
    try:
        while limit > 0 and (chunk := _read(fd, min(size, limit))):
            limit -= len(chunk)
            yield chunk
    finally:
        os.close(fd)


def read_regular(path: str | os.PathLike[str], limit: int) -> bytes | None:
    """The first ``limit`` bytes of a regular file, no link followed; None where there is none to read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _read(fd: int, size: int) -> bytes:
    try:
        return os.read(fd, size)
    except OSError:
        return b""
