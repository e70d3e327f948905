"""Watches over directories that may come, go and be replaced; one inotify instance, no polling.

A directory is watched together with every directory above it, set up from the root downwards: whatever
appears, disappears or is replaced on the way is either there when its turn comes or raises an event above.
"""

import asyncio
import logging
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from errno import ELOOP, ENOENT, ENOSPC, ENOTDIR
from typing import Final

from kmodd.events.inotify import FileEvent, Inotify, Mask

_MOVED: Final = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO
MOST_LINKS: Final = 40
"""As many as the kernel follows (path_resolution(7))."""

_GONE: Final = Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.UNMOUNT | Mask.IGNORED
_ABSENT: Final = frozenset((ENOENT, ENOTDIR, ELOOP))

_log = logging.getLogger(__name__)


class Interest(Enum):
    """What matters in a watched directory."""

    FILES = Mask.CLOSE_WRITE | Mask.ATTRIB | Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO
    """Its files have changed, whole: written and closed, moved in or out, linked, deleted, permissions."""

    VALUES = Mask.MODIFY
    """A file was written (sysfs). Such a directory is made anew without a sound: ``refresh`` follows it."""


class _Watch:
    """What one watch is for: directories whose contents these are, and names on the way to some."""

    __slots__ = ("names", "path", "targets")

    def __init__(self, path: str) -> None:
        self.path = path
        self.targets: set[str] = set()
        self.names: set[str] = set()


class FileWatcher:
    """Tells which of the wanted directories have changed; belongs to the running event loop."""

    def __init__(self, changed: Callable[[frozenset[str]], None]) -> None:
        """``changed`` gets wanted directories, all of them after an overflow. Raises FAILED: no inotify."""
        self.overflows = 0
        self._changed = changed
        self._inotify = Inotify()
        self._wanted: Mapping[str, Interest] = {}
        self._watches: dict[int, _Watch] = {}
        self._where: dict[str, int] = {}
        self._refused: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._inotify.fileno(), self._readable)

    def want(self, directories: Mapping[str, Interest]) -> None:
        """Watch these absolute paths from now on, and no others; look at them after this call."""
        self._wanted = dict(directories)
        self.refresh()

    def refresh(self) -> frozenset[str]:
        """Follow the paths again; those of the wanted directories that are others than before, or gone."""
        before, old = self._where, self._watches
        self._where, self._watches = {}, {}
        for target, interest in self._wanted.items():
            self._follow(target, interest)
        for watch in old.keys() - self._watches.keys():
            self._inotify.remove(watch)
        return frozenset(path for path in self._wanted if before.get(path) != self._where.get(path))

    def close(self) -> None:
        """Stop watching."""
        self._loop.remove_reader(self._inotify.fileno())
        self._inotify.close()

    def _follow(self, target: str, interest: Interest) -> None:
        if interest is Interest.FILES:
            for directory, name in _way(target):
                watch = self._add(directory, _MOVED)
                if watch is None:
                    return
                self._watches[watch].names.add(name)
        watch = self._add(target, interest.value | Mask.DELETE_SELF | Mask.MOVE_SELF)
        if watch is not None:
            self._where[target] = watch
            self._watches[watch].targets.add(target)

    def _add(self, path: str, mask: int) -> int | None:
        """Watch one directory, in addition to what it is watched for already; None if that cannot be."""
        try:
            # Two paths may lead to one inode, so masks are only ever added to.
            watch = self._inotify.add(path, mask | Mask.ONLYDIR | Mask.MASK_ADD)
        except OSError as error:
            if error.errno not in _ABSENT and path not in self._refused:
                self._refused.add(path)
                advice = " (raise fs.inotify.max_user_watches)" if error.errno == ENOSPC else ""
                _log.warning(
                    "%s cannot be watched, changes are seen by the resync only: %s%s",
                    path,
                    error.strerror,
                    advice,
                )
            return None
        self._watches.setdefault(watch, _Watch(path))
        return watch

    def _readable(self) -> None:
        changed: set[str] = set()
        moved = False
        for event in self._inotify.read():
            if event.mask & Mask.Q_OVERFLOW:
                self.overflows += 1
                changed.update(self._wanted)
                moved = True
            elif (watch := self._watches.get(event.watch)) is not None:
                moved = moved or bool(event.mask & _GONE) or event.name in watch.names
                if watch.targets and _matters(event, watch.path):
                    changed |= watch.targets
        if moved:
            changed |= self.refresh()
        if changed:
            self._changed(frozenset(changed))


def _way(path: str) -> Iterator[tuple[str, str]]:
    """Each directory that ``path`` leads through from the root on, links followed, with the name after it."""
    directory, names, links = "/", deque(path.split("/")), 0
    while names and links <= MOST_LINKS:
        name = names.popleft()
        if name in ("", "."):
            continue
        yield directory, name
        directory, target = _step(directory, name)
        if target:
            links += 1
            names.extendleft(reversed(target.split("/")))


def _step(directory: str, name: str) -> tuple[str, str]:
    """Where ``name`` leads: the next directory; for a link the one it starts from, and its text."""
    path = os.path.join(directory, name)
    try:
        target = os.readlink(path)
    except OSError:  # no link, or nothing at all
        return path, ""
    return ("/" if target.startswith("/") else directory), target


def _matters(event: FileEvent, directory: str) -> bool:
    """Whether something is complete: a new regular file is not, its writer's close follows."""
    if not event.mask & Mask.CREATE:
        return True
    try:
        found = os.lstat(os.path.join(directory, event.name))
    except OSError:  # gone again: that raises an event of its own
        return False
    return not stat.S_ISREG(found.st_mode) or found.st_nlink > 1
