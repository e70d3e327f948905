"""Opening files that decide about the kernel: nobody but root, or whoever runs this, may have a say in them.

Every component of a path is opened with O_NOFOLLOW relative to the one before and looked at through its
descriptor, and links are followed by hand: nothing can be exchanged between check and use (openat(2)).
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from kmodd.config.issues import Code, Refused
from kmodd.named_tuple import NamedTuple

MAX_LINKS = 40  # as the kernel's MAXSYMLINKS (include/linux/namei.h)
_CHUNK_BYTES = 1 << 20
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_ENTER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Reached(NamedTuple):
    """The end of a path after every link: ``name`` in the open directory ``parent``, and its lstat."""

    parent: int
    name: str
    status: os.stat_result


def trusted_owners() -> frozenset[int]:
    """User ids whose files are believed."""
    return frozenset((0, os.geteuid()))


@contextmanager
def reach(path: Path, owners: frozenset[int]) -> Iterator[Reached]:
    """Walk an absolute path; raises Refused for an untrusted directory or link on it, OSError as openat(2).

    The end itself is not checked: what it must be depends on what it is to be used for.
    """
    with ExitStack() as stack:
        yield _Walk(path, owners, stack).run()


def read_file(path: Path, owners: frozenset[int], limit: int) -> bytes:
    """Content of a regular file of at most ``limit`` bytes; raises Refused, and OSError when it has gone."""
    with reach(path, owners) as end:
        check_file(end.status, owners, limit)
        fd = os.open(end.name, _READ, dir_fd=end.parent)
    try:
        check_file(os.fstat(fd), owners, limit)
        return _read(fd, limit)
    finally:
        os.close(fd)


def read_any_file(path: Path, limit: int) -> bytes:
    """Content of a regular file, whoever can write it; raises Refused and OSError."""
    fd = os.open(path, _READ & ~os.O_NOFOLLOW)
    try:
        _check_kind(os.fstat(fd))
        return _read(fd, limit)
    finally:
        os.close(fd)


@contextmanager
def open_directory(path: Path, owners: frozenset[int]) -> Iterator[int]:
    """Descriptor of a directory whose entries only trusted owners can change; raises Refused and OSError."""
    with reach(path, owners) as end:
        if not stat.S_ISDIR(end.status.st_mode):
            raise Refused(Code.NOT_A_DIRECTORY, "this is not a directory", "put a directory in its place")
        fd = os.open(end.name, _ENTER & ~os.O_PATH, dir_fd=end.parent)
    try:
        status = os.fstat(fd)
        _check_owner(status, owners, "this directory")
        _check_writers(status, "this directory")
        yield fd
    finally:
        os.close(fd)


def check_file(status: os.stat_result, owners: frozenset[int], limit: int) -> None:
    """Raise Refused unless it is a regular file of a trusted owner, writable by nobody else, within limit."""
    _check_kind(status)
    _check_owner(status, owners, "this file")
    _check_writers(status, "this file")
    if status.st_size > limit:
        raise _too_large(limit)


class _Walk:
    """One walk from the root directory; ``trail`` holds the open directories down to where it stands."""

    def __init__(self, path: Path, owners: frozenset[int], stack: ExitStack) -> None:
        self._owners = owners
        self._stack = stack
        self._pending = deque(path.parts[1:])
        self._names: list[str] = []
        self._links = 0
        self._trail = [self._enter("/", None)]

    def run(self) -> Reached:
        while self._pending:
            name = self._pending.popleft()
            if name == "..":
                self._up()
                continue
            status = os.stat(name, dir_fd=self._trail[-1], follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                self._follow(name, status)
            elif not self._pending:
                return Reached(self._trail[-1], name, status)
            else:
                self._names.append(name)
                self._trail.append(self._enter(name, self._trail[-1]))
        return Reached(self._trail[-1], ".", os.fstat(self._trail[-1]))

    def _enter(self, name: str, parent: int | None) -> int:
        fd = os.open(name, _ENTER, dir_fd=parent)
        self._stack.callback(os.close, fd)
        status = os.fstat(fd)
        where = f"the directory /{'/'.join(self._names)} above it"
        _check_owner(status, self._owners, where)
        # The sticky bit keeps others from touching entries that are not theirs; the next one is checked too.
        if not status.st_mode & stat.S_ISVTX:
            _check_writers(status, where)
        return fd

    def _follow(self, name: str, status: os.stat_result) -> None:
        _check_owner(status, self._owners, f"the link {name}")
        self._links += 1
        if self._links > MAX_LINKS:
            raise Refused(Code.LINK_LOOP, "its links lead in a loop", "point the link to a regular file")
        target = Path(os.readlink(name, dir_fd=self._trail[-1]))
        if target.is_absolute():
            del self._trail[1:], self._names[:]
        self._pending.extendleft(reversed([part for part in target.parts if part != "/"]))

    def _up(self) -> None:
        if self._names:
            self._names.pop()
            self._trail.pop()


def _check_owner(status: os.stat_result, owners: frozenset[int], what: str) -> None:
    if status.st_uid not in owners:
        raise Refused(
            Code.UNSAFE_OWNER, f"{what} belongs to user {status.st_uid}", "give it to root: chown root it"
        )


def _check_writers(status: os.stat_result, what: str) -> None:
    # An access list that lets others write shows in the group's bits (acl(5)).
    if status.st_mode & _OTHERS_WRITE:
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        raise Refused(Code.UNSAFE_MODE, f"group or others can write {what} (mode {mode})", "chmod go-w it")


def _check_kind(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Refused(Code.NOT_A_FILE, "this is not a regular file", "put a regular file in its place")


def _read(fd: int, limit: int) -> bytes:
    """All there is; the size that fstat told can be old already."""
    data = bytearray()
    while chunk := os.read(fd, _CHUNK_BYTES):
        data += chunk
        if len(data) > limit:
            raise _too_large(limit)
    return bytes(data)


def _too_large(limit: int) -> Refused:
    return Refused(Code.TOO_LARGE, f"it is larger than {limit} bytes", "split it into several files")
