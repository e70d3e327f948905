"""What is known of the running kernel's initramfs: its record, for as long as that is about the image."""

import os
from pathlib import Path

from kmodd.core.initramfs import Copies, compare
from kmodd.initramfs.record import Record, Stamp, place, read, stamp_of

_Mark = tuple[int, int, int]


class InitramfsCopies:
    """Compares when something has changed. Without a record, or with another image, nothing is known."""

    def __init__(self, directory: Path, release: str) -> None:
        self._path = place(directory, release)
        self._read: tuple[_Mark, Record | None] | None = None
        self._compared: tuple[Record, tuple[str, ...], Copies] | None = None

    def look(self, texts: tuple[str, ...] | None) -> Copies:
        """How the copies stand to the generated files, whose ``texts`` may be None: not known."""
        record = self._record()
        if record is None or texts is None or _stamp(record.image) != record.stamp:
            return Copies()
        known = self._compared
        if known is None or known[0] is not record or known[1] != texts:
            known = self._compared = (record, texts, compare(record.held, texts))
        return known[2]

    def _record(self) -> Record | None:
        """The record, read again only when its file is another."""
        try:
            found = os.stat(self._path) if self._path else None
        except OSError:
            found = None
        if self._path is None or found is None:
            return None
        mark = (found.st_ino, found.st_size, found.st_mtime_ns)
        if self._read is None or self._read[0] != mark:
            self._read = (mark, read(self._path))
        return self._read[1]


def _stamp(image: str) -> Stamp | None:
    try:
        return stamp_of(os.stat(image))
    except OSError:
        return None
