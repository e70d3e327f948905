"""Writing files so that a reader, or the start after a crash, finds the old or the new one, never half."""

import os
from pathlib import Path

LAST_WORD = "zz-kmodd.conf"


def last_word(modprobe_file: str) -> str:
    """Path of the second file that kmodd generates, beside the first (core/modprobe_conf.py)."""
    return os.path.join(os.path.dirname(modprobe_file), LAST_WORD)


def write_atomically(path: Path, content: bytes, *, durable: bool = False, mode: int = 0o600) -> None:
    """Replace ``path`` by rename(2). ``durable``: on disk before it returns. Raises OSError.

    One writer at a time: the temporary file has a fixed name, so that a killed writer leaves one at most.
    """
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # whatever the process's umask would make of it
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
