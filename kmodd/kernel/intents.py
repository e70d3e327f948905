"""The child's part of the crash guard: it writes down what it is about to do, before it does it.

In the child, so that a disk that is slow or hangs holds up this change and nothing else, and because nobody
else knows its process. What tells boots and kernels apart is read here too.

Imported by the loader: nothing heavy in here.
"""

import errno
import os
import time

from kmodd.action import ActionKind
from kmodd.files import write_atomically
from kmodd.intent import Intent, Note, file_name, render
from kmodd.kernel.proc_stat import start_ticks
from kmodd.names import ModuleName, printable


def intent_now(note: Note, module: ModuleName, kind: ActionKind, digest: str, options: str) -> Intent:
    """What this very process is about to do. Raises OSError."""
    pid = os.getpid()
    return Intent(
        module,
        kind,
        digest,
        options,
        note.kernel,
        note.boot_id,
        pid,
        start_ticks(pid),
        time.monotonic_ns() // 1000,
        time.time_ns() // 1000,
        note.tries,
    )


def write_down(note: Note, module: ModuleName, kind: ActionKind, digest: str, options: str) -> int:
    """Have the intent of this very process on the disk; 0, or the errno of what kept it from being so."""
    try:
        intent = intent_now(note, module, kind, digest, options)
        path, content = f"{note.directory}/{intent.file_name}", render(intent)
        try:
            write_atomically(path, content, durable=True)
        except FileNotFoundError:
            os.makedirs(note.directory, 0o700, exist_ok=True)
            write_atomically(path, content, durable=True)
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def rehearse_writing(note: Note, module: ModuleName, kind: ActionKind, digest: str, options: str) -> None:
    """As ``write_down``, and taken away again; without a directory nothing is written. Raises OSError."""
    if not note.directory:
        render(intent_now(note, module, kind, digest, options))
    elif not write_down(note, module, kind, digest, options):
        os.unlink(f"{note.directory}/{file_name(kind, module)}")


def read_boot_id(proc: str) -> str:
    """What this boot is called, another name each time (random(4)); "" where the kernel does not say."""
    return _read_line(f"{proc}/sys/kernel/random/boot_id")


def read_kernel(proc: str) -> str:
    """Release and build of the running kernel (uname(2)): which of two builds of one release it is too."""
    release, version = (_read_line(f"{proc}/sys/kernel/{name}") for name in ("osrelease", "version"))
    return f"{release} {version}".strip()


def _read_line(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            return printable(file.readall().decode("utf-8", "replace").strip())
    except OSError:
        return ""
