"""What a child of the loader does: the one thing that its request asks for.

Imported by the loader: nothing heavy in here.
"""

import errno
import json
import os
import time
from collections.abc import Callable
from typing import Any

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel import inventory, sysfs
from kmodd.kernel.kmsg import KernelLog
from kmodd.kernel.libkmod import Context, Library
from kmodd.kernel.wire import (
    LOAD,
    LOOKUP,
    PARAMETERS,
    UNLOAD,
    WRITE,
    Answer,
    Failure,
    Places,
    ReportRow,
    Request,
)
from kmodd.names import ModuleName, is_module_name, is_parameter_name, printable

# Verbs whose child listens to the kernel log, and takes as long as the kernel does.
LOGGED = frozenset((LOAD, UNLOAD, WRITE))


class Tools:
    """What the server has ready for its children."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._library: Library | None = None

    def library(self) -> Library:
        """libkmod, opened at the first call that succeeds. Raises NO_LIBKMOD."""
        if self._library is None:
            self._library = Library()
        return self._library

    def prepare(self) -> None:
        """Open libkmod before the fork where that is possible; if not, each child tries again and says so."""
        try:
            self.library()
        except KmoddError:
            return


def carry_out(request: Request, tools: Tools, log: KernelLog) -> Answer:
    """Do what ``request`` asks for. Raises ValueError for a request that is none."""
    body = json.loads(request.body)
    try:
        if request.verb == LOOKUP:
            names, with_modinfo = body["names"], frozenset(body["with_modinfo"])
            return Answer(modules=inventory.look_up(tools.library(), tools.places, names, with_modinfo))
        if request.verb == PARAMETERS:
            return Answer(parameters={name: _parameters(name, tools.places) for name in body["names"]})
        return Answer(report=_timed(_change(request.verb, body, tools), log))
    except KmoddError as error:
        return Answer(failure=Failure(kind=error.kind.name, message=error.message, hint=error.hint))


def _change(verb: bytes, body: dict[str, Any], tools: Tools) -> Callable[[], int]:
    """The change as a call that returns an errno; everything that can be prepared is."""
    name = _checked_name(body["module"])
    if verb == WRITE:
        path = f"{sysfs.module_directory(tools.places.sys, name)}/parameters/"
        return lambda: write_parameter(path + _checked_parameter(body["parameter"]), body["value"])
    library = tools.library()
    if verb == UNLOAD:
        return lambda: _remove(library, name)
    if verb == LOAD:
        return lambda: _insert(library, body["path"], body["options"])
    raise ValueError(f"no such verb: {verb!r}")


def _timed(change: Callable[[], int], log: KernelLog) -> ReportRow:
    started_us = time.monotonic_ns() // 1000
    error = change()
    finished_us = time.monotonic_ns() // 1000
    return ReportRow(error=error, started_us=started_us, finished_us=finished_us, messages=log.texts())


def _insert(library: Library, path: str, options: str) -> int:
    """errno of finit_module(2), or of reading the file. Neither modprobe.d nor an index is read."""
    try:
        with Context(library, modprobe_dirs=()) as context, context.module_at(path) as module:
            return module.insert(options)
    except OSError as error:
        return error.errno or errno.EIO


def _remove(library: Library, name: ModuleName) -> int:
    """errno of delete_module(2)."""
    with Context(library, modprobe_dirs=()) as context, context.module(name) as module:
        return module.remove()


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


def _parameters(name: str, places: Places) -> dict[str, str]:
    return sysfs.read_parameters(places.sys, _checked_name(name))


def _checked_name(name: str) -> ModuleName:
    """``name``, which is going to be part of a path and of a system call."""
    if not is_module_name(name):
        raise KmoddError(ErrorKind.INVALID_ARGUMENT, f"{printable(name[:80])!r} is not a module name")
    return ModuleName(name)


def _checked_parameter(name: str) -> str:
    if not is_parameter_name(name):
        raise KmoddError(ErrorKind.INVALID_ARGUMENT, f"{printable(name[:80])!r} is not a parameter name")
    return name
