"""The port between a daemon and everything outside it, where it can be killed before any of its calls.

A point is a change of a file (open for writing, write, fchmod, fsync, rename, unlink, mkdir) or a request to
the kernel that begins or ends. Who only reads is not counted: killed before a read, he has done as much as
killed before the change that follows it.
"""

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kmodd.errors import ErrorKind, KmoddError
from kmodd.files import write_atomically
from kmodd.intent import Note
from kmodd.model import Report, Request
from tests.support.simulated import SimulatedLoader
from tests.support.simulated_kernel import SimulatedKernel

_WRITES = os.O_WRONLY | os.O_RDWR


class KillPoints:
    """Counts the points of one daemon; from number ``at`` on, nothing that it does has an effect.

    ``with_loader``: what the loader has not begun by then is never begun; else its child goes on.
    """

    def __init__(self, at: int = 0, *, with_loader: bool = False) -> None:
        self.at = at
        self.with_loader = with_loader
        self.seen: list[str] = []
        self.dead = False
        self.killed: Callable[[], object] = lambda: None
        """Called once, at the moment of the kill."""
        self._in_child = False
        self.hit_child = False
        """Whether the kill came while a child was at work by itself."""

    def reach(self, what: str) -> None:
        """A change is about to be made. Raises OSError for whoever is dead."""
        if not self.dead:
            self.seen.append(what)
            if len(self.seen) == self.at:
                self.dead, self.hit_child = True, self._in_child
                self.killed()
        if self.dead and (self.with_loader or not self._in_child):
            raise OSError(errno.EIO, "killed")

    @contextmanager
    def child(self) -> Iterator[None]:
        """What is done inside is done by a child of the loader."""
        self._in_child = True
        try:
            yield
        finally:
            self._in_child = False

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Every change of a file made inside is a point; nothing waits for a disk."""
        real = {name: getattr(os, name) for name in ("open", "write", *_PLAIN)}
        try:
            os.open = self._open(real["open"])
            os.write = self._write(real["write"])
            for name in _PLAIN:
                setattr(os, name, self._plain(name, real[name]))
            yield
        finally:
            for name, function in real.items():
                setattr(os, name, function)

    def _open(self, real: Any) -> Any:
        def open_(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            if flags & _WRITES:
                self.reach(f"open {path}")
            return int(real(path, flags, *rest, **named))

        return open_

    def _write(self, real: Any) -> Any:
        """Who is killed before its end leaves half of what was to be written."""

        def write(descriptor: int, content: bytes) -> int:
            try:
                self.reach(f"write {len(content)} bytes")
            except OSError:
                real(descriptor, content[: len(content) // 2])
                raise
            return int(real(descriptor, content))

        return write

    def _plain(self, name: str, real: Any) -> Any:
        def plain(*arguments: Any, **named: Any) -> Any:
            if name != "mkdir" or not os.path.isdir(arguments[0]):  # else nothing comes of it
                self.reach(f"{name} {arguments[0]}")
            return None if name == "fsync" else real(*arguments, **named)

        return plain


_PLAIN = ("fchmod", "fsync", "replace", "unlink", "mkdir", "rmdir", "ftruncate")


class KilledKernel(SimulatedKernel):
    """A kernel whose requests begin and end at points; it goes on whoever is killed."""

    points: KillPoints | None = None
    open: tuple[Request, ...] = ()
    """What has begun and not ended, as long as a daemon is there."""

    def begin(self, request: Request) -> int:
        """A child's call, up to init or exit."""
        if self.points is None:
            return super().begin(request)
        with self.points.child():
            self.points.reach(f"begin {request}")
        error = super().begin(request)
        if not error:
            self.open = (*self.open, request)
        return error

    def end(self, request: Request, error: int = 0) -> int:
        """Its end."""
        if self.points is None:
            return super().end(request, error)
        self.points.reach(f"end {request}")
        self.open = tuple(each for each in self.open if each != request)
        return super().end(request, error)


class KilledLoader(SimulatedLoader):
    """Its children write their intents as the real ones do; it takes nothing from who is dead."""

    def __init__(self, kernel: SimulatedKernel, points: KillPoints) -> None:
        super().__init__(kernel)
        self._points = points
        self.duration_s = 0.05

    async def perform(self, request: Request, note: Note | None = None) -> Report:
        """As long as its daemon is there."""
        if self._points.dead:
            raise KmoddError(ErrorKind.LOADER_LOST, "killed")
        return await super().perform(request, note)

    def keep(self, path: Path, content: bytes) -> None:
        """kernel/intents.py."""
        with self._points.child():
            os.makedirs(path.parent, 0o700, exist_ok=True)
            write_atomically(path, content, durable=True)


def cancel_when_killed(points: KillPoints) -> None:
    """Have the task that asks for this cancelled by the kill."""
    task = asyncio.current_task()
    assert task is not None
    points.killed = task.cancel
