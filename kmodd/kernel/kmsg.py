"""Kernel log records as /dev/kmsg gives them (Documentation/ABI/testing/dev-kmsg). Hostile text."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from kmodd.named_tuple import NamedTuple
from kmodd.names import LOADER, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

KEPT_FIRST: Final = 32
KEPT_LAST: Final = 32
TEXT_LIMIT: Final = 400
_READS_LIMIT: Final = 5000  # a kernel that logs faster than we read must not keep us here
_RECORD_SIZE: Final = 8192  # PRINTKRB_RECORD_MAX and more; a smaller buffer is EINVAL
_HEADER = re.compile(rb"(\d{1,10}),(\d{1,20}),(\d{1,20}),[^;\n]*;")
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")


class Record(NamedTuple):
    """One message of the kernel itself: syslog level, sequence number, CLOCK_MONOTONIC-like us, text."""

    level: int
    sequence: int
    time_us: int
    text: str


def parse_record(raw: bytes) -> Record | None:
    """The record in ``raw``; None for what is none, and for what a process wrote into the kernel log.

    The kernel never lets a process write with facility 0 (kernel/printk/printk.c, devkmsg_write).
    """
    header = _HEADER.match(raw)
    if header is None:
        return None
    priority, sequence, time_us = map(int, header.groups())
    if priority >> 3:
        return None
    line = raw[header.end() :].partition(b"\n")[0]
    text = _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode("ascii")), line)
    return Record(priority & 7, sequence, time_us, printable(text.decode("utf-8", "replace"))[:TEXT_LIMIT])


class _Kept:
    """The first and the last of many records."""

    def __init__(self) -> None:
        self._first: list[Record] = []
        self._last: deque[Record] = deque(maxlen=KEPT_LAST)

    def add(self, record: Record) -> None:
        """One more, later than those before."""
        (self._first if len(self._first) < KEPT_FIRST else self._last).append(record)

    def records(self) -> list[Record]:
        """What is kept, in order."""
        return [*self._first, *self._last]


def _sequence(record: Record) -> int:
    return record.sequence


class KernelLog:
    """The kernel log from now on; says nothing where it may not be read, because it is only a courtesy."""

    def __init__(self, fd: int | None, let_go: Callable[[int], None] = os.close) -> None:
        """``let_go`` is what ``close`` does with ``fd``."""
        self.fd = fd
        self._let_go = let_go

    @classmethod
    def from_now(cls, fd: int, let_go: Callable[[int], None] = os.close) -> KernelLog:
        """Everything that is logged after this call."""
        log = cls(fd, let_go)
        log.restart()
        return log

    def restart(self) -> None:
        """As from now on again; for all who share the open file."""
        if self.fd is not None:
            try:
                os.lseek(self.fd, 0, os.SEEK_END)
            except OSError:
                self.close()

    def texts(self, name: str = "") -> list[str]:
        """What the kernel logged since, without what has been read before: the first and the last lines.

        Those that have ``name``, a module's, or the loader's in them are counted apart, so that no flood of
        others hides them.
        """
        own, others = _Kept(), _Kept()
        for record in self._records():
            is_own = LOADER in record.text or name in record.text.replace("-", "_")
            (own if name and is_own else others).add(record)
        return [record.text for record in sorted([*own.records(), *others.records()], key=_sequence)]

    def close(self) -> None:
        """Release the file; a second call does nothing."""
        if self.fd is not None:
            self._let_go(self.fd)
            self.fd = None

    def _records(self) -> Iterator[Record]:
        for _ in range(_READS_LIMIT if self.fd is not None else 0):
            try:
                raw = os.read(self.fd or 0, _RECORD_SIZE)
            except BrokenPipeError:
                continue  # EPIPE: records were overwritten before they were read
            except OSError:
                return  # EAGAIN: the end
            if not raw:
                return
            record = parse_record(raw)
            if record is not None:
                yield record


class KernelLogs:
    """Where logs come from: files that were passed on, each read by one at a time, else ``path``.

    An open file has one place that it is read at, so two loads cannot share one.
    """

    def __init__(self, path: str, files: Iterable[int] = ()) -> None:
        """``files`` are open and do not block (fcntl(2), O_NONBLOCK)."""
        self._path = path
        self._free = list(files)

    def from_now(self) -> KernelLog:
        """Everything that is logged after this call; ``close`` gives the file back."""
        if self._free:
            return KernelLog.from_now(self._free.pop(), self._free.append)
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return KernelLog(None)
        return KernelLog.from_now(fd)
