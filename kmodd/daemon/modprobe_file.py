"""Keeps the generated files of modprobe.d as desired, and has it proved with libkmod what they come to.

A file is written only when its text changes, taken away when there is nothing to say, and never written over
one that somebody else put there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import time
from collections.abc import Awaitable, Callable, Iterable
from errno import ELOOP, ENXIO
from pathlib import Path
from typing import TYPE_CHECKING

from kmodd.core.draft import Evidence
from kmodd.core.modprobe_conf import HEADER, Rendered, render
from kmodd.core.resolve import DesiredState
from kmodd.errors import ErrorKind, KmoddError
from kmodd.files import last_word, write_atomically
from kmodd.model import Restraint
from kmodd.names import ModuleName, printable

if TYPE_CHECKING:
    from kmodd.kernel.ports import Loader

Runner = Callable[..., Awaitable[bool]]
_Stamp = tuple[int, ...] | None

_MODE = 0o644
_MOST_BYTES = 4 << 20
_NO_FILE = "what is there is no regular file"
_SETTLED_NS = 2_000_000_000
"""A file that has changed so lately may change again without its stamp being another."""

_log = logging.getLogger(__name__)


class ModprobeFile:
    """The file at ``path``; ``note`` is where it is kept which path was used, across restarts and reboots."""

    def __init__(self, loader: Loader, note: Path, in_thread: Runner = asyncio.to_thread) -> None:
        """``in_thread`` runs what waits for the disk beside the loop."""
        self._loader = loader
        self._note = note
        self._in_thread = in_thread
        self._desired: DesiredState | None = None
        self._rendered: tuple[DesiredState, Rendered] | None = None
        self._path = ""
        self._seen: tuple[Rendered, Path, list[_Stamp]] | None = None
        self._wanted: Rendered | None = None
        self._left_out: frozenset[ModuleName] = frozenset()
        self.evidence = Evidence(problem="the modprobe.d file is not written yet")
        """What is proved of the file as it is now."""
        self.problem = ""
        """Why the file is not as it should be, "" if it is."""
        self.unsettled = False
        """Whether writing or proving has failed, and no event may tell when it would succeed."""
        self.texts: tuple[str, ...] | None = None
        """What the generated files say, in the order of their names; None while that is not known."""

    async def apply(
        self, desired: DesiredState, path: str, *, look: bool, changed: bool, enforce: bool
    ) -> Evidence:
        """Make the file at ``path`` say what is desired, and prove it.

        ``look``: somebody may have touched it; ``changed``: other files of modprobe.d or the module tree are
        others. Nothing is raised: what cannot be done is the evidence's problem.
        """
        if not enforce:
            self._desired = self._wanted = self._seen = None
            self.unsettled = True
            self.problem, self.texts = "", None
            self.evidence = Evidence(
                problem="kmodd only reports (enforce is off): no file keeps others from it"
            )
        elif look or changed or desired is not self._desired or path != self._path:
            if changed or path != self._path:
                self._wanted = None
            self._desired, self._path = desired, path
            self.evidence = await self._renew(desired, Path(path))
        return self.evidence

    async def _renew(self, desired: DesiredState, path: Path) -> Evidence:
        """Write, and prove what is not proved already."""
        if self._rendered is None or self._rendered[0] is not desired:
            self._rendered = desired, render(desired)
        wanted = self._rendered[1]
        if wanted != self._wanted:
            self._left_out = frozenset()
        self.problem, self.unsettled = "", False
        try:
            written = await self._write(render(desired, self._left_out) if self._left_out else wanted, path)
            if wanted == self._wanted and not written:
                return self.evidence
            self._wanted = None
            evidence = await self._prove(desired, path, wanted)
        except KmoddError as error:
            self._desired = self._wanted = None  # the next pass tries again
            self.unsettled = error.kind is ErrorKind.LOADER_LOST
            return Evidence(problem=f"it cannot be proved: {error}")
        except OSError as error:
            self._desired = self._wanted = None
            self.unsettled = True
            self.problem = f"{path} cannot be written: {error.strerror}"
            return Evidence(problem=self.problem)
        self._wanted = wanted
        return evidence

    async def _write(self, rendered: Rendered, path: Path) -> bool:
        """Have the files say this; whether that changed any. Raises OSError."""
        stamps = [_stamp(each) for each in (*_texts(rendered, path), self._note)]
        if self._seen == (rendered, path, stamps):
            return False
        self.texts = self._seen = None
        changed = await self._in_thread(self._replace, rendered, path)
        self.texts = tuple(text for _, text in sorted(_texts(rendered, path).items()))
        if not (changed or self.problem) and _are_settled(stamps):
            self._seen = rendered, path, stamps
        return changed

    async def _prove(self, desired: DesiredState, path: Path, rendered: Rendered) -> Evidence:
        """Read back with libkmod; options that it reads differently are taken out, and that is said."""
        if not (rendered.denied or rendered.options):
            return Evidence()
        restraint = await self._loader.restraint(rendered.denied, rendered.options)
        self._left_out = _lost(rendered, restraint)
        if self._left_out:
            names = ", ".join(sorted(self._left_out))
            _log.warning("the parameters of %s do not survive modprobe.d and are left out of %s", names, path)
            await self._write(render(desired, self._left_out), path)
        return Evidence(restraint.proofs)

    def _replace(self, rendered: Rendered, path: Path) -> bool:
        """In a thread: the files as rendered; whether that changed any. Raises OSError.

        What stands at another place goes last, so that nothing is open in between.
        """
        changed = False
        for file, text in _texts(rendered, path).items():
            changed = _replace(file, text) or changed
        try:
            self._forget_other_place(path, used=bool(rendered.text))
        except OSError as error:
            self.problem = f"{path} is written, but not that it was ({self._note}): {error.strerror}"
        return changed

    def _forget_other_place(self, path: Path, *, used: bool) -> None:
        """The setting may have named another file before: what stands there is ours to take away."""
        before = _read(self._note) or ""
        if before == str(path) or not (before or used):
            return
        if before.startswith("/") and before.isprintable():
            for old in {before, last_word(before)} - {str(path), last_word(str(path))}:
                _take_away(Path(old))
        self._note.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._note, str(path).encode(), durable=True)


def _texts(rendered: Rendered, path: Path) -> dict[Path, str]:
    """Files and what is to be in each; "" for none."""
    last = Path(last_word(str(path)))
    # The setting may name that one: then there is only one, and it comes last anyway.
    return {path: rendered.text} if last == path else {path: rendered.text, last: rendered.last_text}


def _stamp(path: Path) -> _Stamp:
    """Another one when what is at ``path`` is another; None for nothing. Ends with when that came to be."""
    try:
        facts = os.lstat(path)
    except OSError:
        return None
    return (facts.st_dev, facts.st_mode, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def _are_settled(stamps: Iterable[_Stamp]) -> bool:
    """Whether none is so young that it may be the same after another change."""
    newest_ns = max((stamp[-1] for stamp in stamps if stamp), default=0)
    return newest_ns + _SETTLED_NS < time.time_ns()


def _replace(path: Path, text: str) -> bool:
    """Make ``path`` a file with this text, or none for ""; whether that changed it. Raises OSError."""
    if not text:
        return _take_away(path)
    found = _read(path)
    if found is not None and not _is_ours(found):
        raise FileExistsError(0, "somebody else's file is there")
    if found != text:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        write_atomically(path, text.encode(), mode=_MODE, durable=True)
        _log.info("wrote %s", path)
    return found != text


def _take_away(path: Path) -> bool:
    """Remove what kmodd has written there; what is somebody else's stays. Raises OSError."""
    try:
        is_ours = _is_ours(_read(path) or "")
    except FileExistsError:
        return False
    if is_ours:
        path.unlink()
        _log.info("removed %s: nothing is to be said there any more", path)
    return is_ours


def _is_ours(text: str) -> bool:
    """Whether kmodd has written it; of a file that a disk lost the rest of, the beginning tells."""
    return text.startswith(HEADER) or (text != "" and HEADER.startswith(text))


def _lost(rendered: Rendered, restraint: Restraint) -> frozenset[ModuleName]:
    """Modules whose options libkmod reads otherwise than they were meant."""
    return frozenset(
        name
        for name, options in rendered.options.items()
        if restraint.options.get(name, "").split() != printable(options).split()
    )


def _read(path: Path) -> str | None:
    """Text of a file, None where there is none. Raises OSError: FileExistsError for another thing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        why = {ELOOP: "a link is there", ENXIO: _NO_FILE}.get(error.errno or 0)
        raise FileExistsError(0, why) if why else error from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise FileExistsError(0, _NO_FILE)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace")
    finally:
        os.close(descriptor)
