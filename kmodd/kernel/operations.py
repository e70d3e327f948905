"""What a child of the loader does: the one thing that its request asks for.

Imported by the loader: nothing heavy in here.
"""

import errno
import json
import os
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from kmodd.errors import KmoddError
from kmodd.kernel import sysfs
from kmodd.kernel.kmsg import KernelLog
from kmodd.kernel.libkmod import Context, Library
from kmodd.kernel.questions import QUESTIONS
from kmodd.kernel.tools import Tools, checked_name, checked_parameter
from kmodd.kernel.wire import LOAD, UNLOAD, WRITE, Answer, Failure, Places, ReportRow, Request
from kmodd.names import ModuleName

# Verbs whose child listens to the kernel log, and takes as long as the kernel does.
LOGGED = frozenset((LOAD, UNLOAD, WRITE))
_READ_SIZE = 2**17


class Stages:
    """Parts of a change and how long each took, in order; one begins where the one before it ends."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int]] = []
        self._name = ""
        self._since_ns = 0

    def begin(self, name: str) -> None:
        """The part ``name`` begins now."""
        self.end()
        self._name, self._since_ns = name, time.monotonic_ns()

    def end(self) -> None:
        """The part that began last ends now, if there is one."""
        if self._name:
            self.rows.append((self._name, (time.monotonic_ns() - self._since_ns) // 1000))
        self._name = ""


class Done(NamedTuple):
    """What a change came to: an errno, and for written parameters what each reads as since."""

    error: int
    shown: tuple[tuple[str, str], ...] = ()


def carry_out(request: Request, tools: Tools, log: KernelLog) -> Answer:
    """Do what ``request`` asks for. Raises ValueError for a request that is none."""
    body = json.loads(request.body)
    question = QUESTIONS.get(request.verb)
    try:
        if question is not None:
            return question(body, tools)
        return Answer(report=_timed(_change(request.verb, body, tools), log, body["module"]))
    except KmoddError as error:
        return Answer(failure=Failure(kind=error.kind.name, message=error.message, hint=error.hint))


def _change(verb: bytes, body: dict[str, Any], tools: Tools) -> Callable[[Stages], Done]:
    """The change as a call; everything that can be prepared is."""
    name = checked_name(body["module"])
    if verb == WRITE:
        directory = f"{sysfs.module_directory(tools.places.sys, name)}/parameters"
        values = [(checked_parameter(key), value) for key, value in body["parameters"]]
        return lambda _stages: write_parameters(directory, values)
    library = tools.library()
    if verb == UNLOAD:
        return lambda _stages: Done(_remove(library, name))
    if verb == LOAD:
        return lambda stages: _load(library, tools.places, body, stages)
    raise ValueError(f"no such verb: {verb!r}")


def _timed(change: Callable[[Stages], Done], log: KernelLog, module: str) -> ReportRow:
    started_us = time.monotonic_ns() // 1000
    stages = Stages()
    done = change(stages)
    stages.end()
    finished_us = time.monotonic_ns() // 1000
    return ReportRow(
        error=done.error,
        started_us=started_us,
        finished_us=finished_us,
        stages=stages.rows,
        shown=list(done.shown),
        messages=log.texts(module),
    )


def _load(library: Library, places: Places, body: dict[str, Any], stages: Stages) -> Done:
    """Insert, and read back at once what the options have made of the parameters."""
    error = _insert(library, body["path"], body["options"], stages)
    if error or not body["options"]:
        return Done(error)
    stages.begin("verify")
    return Done(0, tuple(sysfs.read_parameters(places.sys, body["module"]).items()))


def _insert(library: Library, path: str, options: str, stages: Stages) -> int:
    """errno of finit_module(2), or of reading the file. Neither modprobe.d nor an index is read.

    Stages: "find" (the context, the file's name), "read" (its bytes into the page cache), "insert". What
    libkmod has to decompress itself it decompresses in "insert", out of the page cache.
    """
    stages.begin("find")
    try:
        with Context(library, conf_paths=()) as context, context.module_at(path) as module:
            stages.begin("read")
            read_into_cache(path)
            stages.begin("insert")
            return module.insert(options)
    except OSError as error:
        return error.errno or errno.EIO


def _remove(library: Library, name: ModuleName) -> int:
    """errno of delete_module(2)."""
    with Context(library, conf_paths=()) as context, context.module(name) as module:
        return module.remove()


def read_into_cache(path: str) -> None:
    """Read all of a file, so that its bytes are in the page cache. Raises OSError.

    Through one buffer, again and again: posix_fadvise(2) and readahead(2) may return before the disk has
    answered, so they would measure nothing, and a mapping or one large read would hold the file twice.
    """
    buffer = bytearray(_READ_SIZE)
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        while os.readv(fd, (buffer,)):
            pass
    finally:
        os.close(fd)


def write_parameters(directory: str, values: Iterable[tuple[str, str]]) -> Done:
    """Write each value, whatever came of those before; the first errno, and what each reads as.

    Read back at once: what it reads as later may be somebody else's doing, not what the module made of it.
    """
    errors, shown = [], []
    for name, value in values:
        path = f"{directory}/{name}"
        errors.append(write_parameter(path, value))
        text = sysfs.read_attribute(path)
        if text is not None:
            shown.append((name, text))
    return Done(next(filter(None, errors), 0), tuple(shown))


def write_parameter(path: str, value: str) -> int:
    """errno of one write(2) of ``value`` without a newline, which a charp would keep.

    A write of no bytes does nothing (fs/kernfs/file.c), so an empty value is one NUL byte.
    """
    raw = value.encode("utf-8") or b"\0"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        return error.errno or errno.EIO
    try:
        return 0 if os.write(fd, raw) == len(raw) else errno.EIO
    except OSError as error:
        return error.errno or errno.EIO
    finally:
        os.close(fd)
