"""What a child of the loader does: the one thing that its request asks for.

Imported by the loader: nothing heavy in here.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping

from kmodd.action import ActionKind
from kmodd.errors import KmoddError
from kmodd.intent import Note, written
from kmodd.kernel import sysfs
from kmodd.kernel.file_cache import read_into_cache
from kmodd.kernel.intents import rehearse_writing, write_down
from kmodd.kernel.kmsg import KernelLog
from kmodd.kernel.libkmod import Context, Library
from kmodd.kernel.tools import Tools, checked_name, checked_parameter
from kmodd.kernel.verbs import LOAD, UNLOAD, WRITE
from kmodd.kernel.wire import (
    Answer,
    Failure,
    Places,
    ReportRow,
    Request,
    decode_request,
    encode_answer,
    encode_request,
)
from kmodd.named_tuple import NamedTuple
from kmodd.names import LOADER, ModuleName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Verbs whose child listens to the kernel log, and takes as long as the kernel does.
LOGGED = frozenset((LOAD, UNLOAD, WRITE))


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


class Record:
    """Writes the intent of this child's change; ``unwritten`` is the errno that this came to."""

    def __init__(self, body: dict[str, Any], module: ModuleName, verb: bytes) -> None:
        note = body.get("note")
        self._note = Note(**note) if note else None
        self._verb = verb.decode("ascii")
        self.module = module
        self.unwritten = 0
        self.begun = True

    def write(self, options: str, digest: str = "") -> bool:
        """Write it down; whether the change may be made."""
        if self._note is not None:
            kind = ActionKind(self._verb)
            self.unwritten = write_down(self._note, self.module, kind, digest, options)
            self.begun = not (self.unwritten and self._note.strict)
        return self.begun


class Rehearsal(Record):
    """The record of a change that is not made: everything is ready, and nothing stays."""

    def write(self, options: str, digest: str = "") -> bool:
        """As ``Record.write``, and taken away again."""
        if self._note is not None:
            rehearse_writing(self._note, self.module, ActionKind(self._verb), digest, options)
        return False


def questions() -> Mapping[bytes, Callable[[dict[str, Any], Tools], Answer]]:
    """What answers each verb that changes nothing.

    Imported with the first question, by the server, so that every child has it from then on: it is a fifth
    of the loader's start, and whoever only has a module to load waits for that.
    """
    from kmodd.kernel.questions import QUESTIONS  # noqa: PLC0415

    return QUESTIONS


def carry_out(request: Request, tools: Tools, log: KernelLog, recorded_by: type[Record] = Record) -> Answer:
    """Do what ``request`` asks for. Raises ValueError or KeyError for a request that is none."""
    body = json.loads(request.body)
    try:
        if request.verb not in LOGGED:
            return questions()[request.verb](body, tools)
        record = recorded_by(body, checked_name(body["module"]), request.verb)
        return Answer(report=_timed(_change(request.verb, body, tools, record), record, log))
    except KmoddError as error:
        return Answer(failure=Failure(kind=error.kind.code, message=error.message, hint=error.hint))


def rehearse(request: Request, tools: Tools, log: KernelLog) -> None:
    """Go the whole way of a load but for the insertion, with its intent in the directory of ``request``.

    What is touched on it is this process's own then: the copies of six hundred pages are a third of the time
    from a device to its module.
    """
    note = Note(json.loads(request.body).get("directory", ""), boot_id="", kernel="")._asdict()
    body = {"module": LOADER.replace("-", "_"), "path": os.devnull, "options": "", "note": note}
    load = decode_request(encode_request(0, LOAD, body))
    list(encode_answer(load.number, carry_out(load, tools, log, Rehearsal)))


def _change(verb: bytes, body: dict[str, Any], tools: Tools, record: Record) -> Callable[[Stages], Done]:
    """The change as a call; everything that can be prepared is."""
    name = record.module
    if verb == WRITE:
        directory = f"{sysfs.module_directory(tools.places.sys, name)}/parameters"
        values = [(checked_parameter(key), value) for key, value in body["parameters"]]
        return lambda _stages: _recorded(record, written(values), lambda: write_parameters(directory, values))
    library = tools.library()
    if verb == UNLOAD:
        return lambda _stages: _recorded(record, "", lambda: Done(_remove(library, name)))
    if verb == LOAD:
        return lambda stages: _load(library, tools.places, body, stages, record)
    raise ValueError(f"no such verb: {verb!r}")


def _timed(change: Callable[[Stages], Done], record: Record, log: KernelLog) -> ReportRow:
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
        messages=log.texts(record.module),
        unwritten=record.unwritten,
        begun=record.begun,
    )


def _recorded(record: Record, options: str, change: Callable[[], Done]) -> Done:
    """``change``, after its intent has been written down."""
    return change() if record.write(options) else Done(record.unwritten)


def _load(library: Library, places: Places, body: dict[str, Any], stages: Stages, record: Record) -> Done:
    """Insert, and read back at once what the options have made of the parameters."""
    error = _insert(library, body["path"], body["options"], stages, record)
    if error or not body["options"]:
        return Done(error)
    stages.begin("verify")
    return Done(0, tuple(sysfs.read_parameters(places.sys, record.module).items()))


def _insert(library: Library, path: str, options: str, stages: Stages, record: Record) -> int:
    """errno of finit_module(2), or of reading the file. Neither modprobe.d nor an index is read.

    Stages: "find" (the context, the file's name), "read" (its bytes into the page cache), "record" (the
    intent), "insert". What libkmod has to decompress itself it decompresses in "insert", out of the page
    cache.
    """
    stages.begin("find")
    try:
        with Context(library, conf_paths=()) as context, context.module_at(path) as module:
            stages.begin("read")
            digest = read_into_cache(path)
            stages.begin("record")
            if not record.write(options, digest):
                return record.unwritten
            stages.begin("insert")
            return module.insert(options)
    except OSError as error:
        return error.errno or errno.EIO


def _remove(library: Library, name: ModuleName) -> int:
    """errno of delete_module(2)."""
    with Context(library, conf_paths=()) as context, context.module(name) as module:
        return module.remove()


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
