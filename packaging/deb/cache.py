"""What takes long is made once: entries named by content, seen whole or not at all, older ones removed."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cached(directory: Path, key: str, make: Callable[[Path], None], *, keep: int) -> Path:
    """The file or directory ``key`` of ``directory``; ``make`` gets the path where to make a missing one.

    Whoever comes meanwhile waits (flock(2)). Beside it stay the ``keep`` - 1 entries that were used last.
    """
    directory.mkdir(parents=True, exist_ok=True)
    entry = directory / key
    with _alone(directory / ".lock"):
        if not entry.exists():
            unfinished = directory / f".{key}.new"
            _remove(unfinished)  # of a maker that was killed
            make(unfinished)
            unfinished.rename(entry)
        now = time.time_ns()  # finer than what the kernel would write
        os.utime(entry, ns=(now, now))
        others = (path for path in directory.iterdir() if path != entry and not path.name.startswith("."))
        for old in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[keep - 1 :]:
            _remove(old)
    return entry


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
