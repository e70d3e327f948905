"""One configuration file from outside: does it count, may it be read, and has it changed. No parsing."""

from __future__ import annotations

import os
import stat
from enum import StrEnum
from pathlib import Path

from kmodd.config.issues import Code, Refused
from kmodd.config.safefile import check_file, reach
from kmodd.named_tuple import NamedTuple
from kmodd.shown import Issue

MAX_BYTES = 1 << 20
_DEV_NULL = Path("/dev/null")
_NULL_DEVICE = os.makedev(1, 3)  # Documentation/admin-guide/devices.txt


class Standing(StrEnum):
    """What becomes of a file before anybody reads it."""

    VISIBLE = "visible"
    MASK = "mask"
    HIDDEN = "hidden"


class ConfigFile(NamedTuple):
    """A file of one directory; ``rank`` 0 is the highest directory, ``stamp`` changes when the file does.

    ``size`` in bytes, ``changed_ns`` its last change (CLOCK_REALTIME); ``problem``: why it must not be read.
    """

    path: Path
    rank: int
    standing: Standing
    stamp: tuple[int, ...] = ()
    size: int = 0
    changed_ns: int = 0
    problem: Issue | None = None

    @property
    def name(self) -> str:
        """File name: files of one name hide one another."""
        return self.path.name


def look(path: Path, rank: int, owners: frozenset[int], parent: int | None = None) -> ConfigFile | None:
    """A file by its inode and its target's (``parent``: its open directory); None when it is not there."""
    try:
        own = os.stat(path if parent is None else path.name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        return ConfigFile(path, rank, Standing.VISIBLE, problem=unreadable(error).issue(path))
    problem = None
    end = own
    try:
        end = _end(path, own, owners, parent)
        if _is_mask(end, owners):
            return ConfigFile(path, rank, Standing.MASK)
        _check_name(path.name)
        check_file(end, owners, MAX_BYTES)
    except OSError as error:
        problem = unreadable(error).issue(path)
    except Refused as refused:
        problem = refused.issue(path)
    changed_ns = max(own.st_ctime_ns, end.st_ctime_ns)
    stamp = (*_stamp(own), *_stamp(end))
    return ConfigFile(path, rank, Standing.VISIBLE, stamp, end.st_size, changed_ns, problem)


def unreadable(error: OSError) -> Refused:
    """What the system said, as a refusal."""
    return Refused(
        Code.UNREADABLE, f"it cannot be read: {error.strerror}", "see that it is there and readable"
    )


def _end(path: Path, own: os.stat_result, owners: frozenset[int], parent: int | None) -> os.stat_result:
    """Status behind every link; what lies in a directory that is open already needs no second walk."""
    if parent is None or stat.S_ISLNK(own.st_mode):
        with reach(path, owners) as reached:
            return reached.status
    return own


def _is_mask(end: os.stat_result, owners: frozenset[int]) -> bool:
    """Whether it is empty or /dev/null, which belongs to anybody in a container."""
    if stat.S_ISCHR(end.st_mode):
        return end.st_rdev == _NULL_DEVICE
    return stat.S_ISREG(end.st_mode) and not end.st_size and end.st_uid in owners


def _check_name(name: str) -> None:
    if not name.isprintable():
        raise Refused(Code.BAD_FILE_NAME, "its name is not printable UTF-8", "give it another name")


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_mode,
        status.st_uid,
    )
