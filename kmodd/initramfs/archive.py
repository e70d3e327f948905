"""An initramfs taken apart, after early-userspace/buffer-format.rst in the kernel's documentation.

An image is a sequence of cpio archives, plain ones first, padded with zeros; all that follows the first one
that is compressed is taken to be, too, without padding, as every generator writes it. Entries are passed over
without keeping them, but for the few that are asked for.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from typing import IO, Final

from kmodd.named_tuple import NamedTuple

LONGEST_NAME: Final = 4096
LARGEST_KEPT: Final = 2**20
_HEADER_SIZE: Final = 110
_HEADER = re.compile(rb"07070[12](?:[0-9A-Fa-f]{8}){13}")
_MODE, _SIZE, _NAME_SIZE = 14, 54, 94
_CHUNK: Final = 2**18
_TRAILER: Final = b"TRAILER!!!"


class NoImage(Exception):
    """This is no initramfs, or one that is cut off or too large to be believed: one sentence says which."""


class Entry(NamedTuple):
    """A regular file in an archive; ``content`` is None for one that was not asked for."""

    name: bytes
    content: bytes | None = None


class Reader:
    """Reads a stream from its beginning and counts; ``beginning`` is what was read of it already."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.offset = 0
        self._stream = stream
        self._ahead = b""

    def peek(self, size: int) -> bytes:
        """The next bytes, which stay; fewer at the end."""
        while len(self._ahead) < size and (more := self._stream.read(size - len(self._ahead))):
            self._ahead += more
        return self._ahead[:size]

    def take(self, size: int) -> bytes:
        """The next bytes. Raises NoImage where there are fewer."""
        found = self.peek(size)
        if len(found) < size:
            raise NoImage("it is cut off")
        self._ahead = self._ahead[size:]
        self.offset += size
        return found

    def skip(self, size: int) -> None:
        """Pass over the next bytes. Raises NoImage where there are fewer."""
        while size > 0:
            size -= len(self.take(min(size, _CHUNK)))

    def align(self) -> None:
        """Pass over what fills up to a multiple of four."""
        self.skip(-self.offset % 4)


def entries(reader: Reader, wanted: Callable[[bytes], bool]) -> Iterator[Entry]:
    """Regular files of all plain archives from here on; stops at the end, or before what is no archive.

    Raises NoImage.
    """
    while beginning := reader.peek(1):
        if beginning == b"\0":
            reader.take(1)
        elif _HEADER.fullmatch(reader.peek(_HEADER_SIZE)) and reader.offset % 4 == 0:
            yield from _archive(reader, wanted)
        else:
            return


def _archive(reader: Reader, wanted: Callable[[bytes], bool]) -> Iterator[Entry]:
    """Regular files up to the trailer."""
    while True:
        header = reader.take(_HEADER_SIZE)
        if not _HEADER.fullmatch(header):
            raise NoImage(f"there is no header of an archive at {reader.offset - _HEADER_SIZE}")
        mode, size, name_size = (int(header[at : at + 8], 16) for at in (_MODE, _SIZE, _NAME_SIZE))
        if not 0 < name_size <= LONGEST_NAME:
            raise NoImage("a name in it is longer than a path can be")
        name = reader.take(name_size).partition(b"\0")[0]
        reader.align()
        if name == _TRAILER:
            return
        keep = stat.S_ISREG(mode) and wanted(name)
        if keep and size > LARGEST_KEPT:
            raise NoImage("a file of modprobe.d in it is larger than that can be")
        content = reader.take(size) if keep else None
        if content is None:
            reader.skip(size)
        reader.align()
        if stat.S_ISREG(mode):
            yield Entry(name, content)
