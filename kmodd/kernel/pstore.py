"""What the kernel logged when it crashed, kept over the reset (Documentation/admin-guide/ramoops.rst).

Records lie in /sys/fs/pstore until systemd-pstore.service(8) moves them, as early in the next boot as kmodd
starts; so both places are looked at. Hostile text, and perhaps damaged: memory forgets.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Final

from kmodd.kernel.reading import read_regular
from kmodd.named_tuple import NamedTuple
from kmodd.names import printable

FILES_LIMIT: Final = 64
SIZE_LIMIT: Final = 1 << 20
_DEPTH: Final = 2
_LINE_LIMIT: Final = 400
_LOGS: Final = ("dmesg-", "console-")  # what is moved is also put together, as dmesg.txt


class CrashLog(NamedTuple):
    """Lines of one record, escaped; ``time_us`` is CLOCK_REALTIME, when it was recorded or moved."""

    time_us: int
    lines: tuple[str, ...]


def read_crash_logs(places: tuple[str, ...]) -> list[CrashLog]:
    """Every record there is, the latest first, as far as it can be read."""
    found = sorted(_files(places), reverse=True)[:FILES_LIMIT]
    return [CrashLog(time_ns // 1000, lines) for time_ns, path in found if (lines := _lines(path))]


def _files(places: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Time and path of what looks like a record."""
    for place in places:
        yield from _below(place, _DEPTH)


def _below(directory: str, depth: int) -> Iterator[tuple[int, str]]:
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode) and depth:
                    yield from _below(entry.path, depth - 1)
                elif stat.S_ISREG(status.st_mode) and entry.name.startswith(_LOGS):
                    yield status.st_mtime_ns, entry.path
    except OSError:
        return  # there is none, or it goes while it is looked at


def _lines(path: str) -> tuple[str, ...]:
    content = read_regular(path, SIZE_LIMIT) or b""
    lines = content.decode("utf-8", "replace").split("\n") if content else ()
    return tuple(printable(line)[:_LINE_LIMIT] for line in lines)
