"""Writing files so that a reader, or the start after a crash, finds the old or the new one, never half."""

import os

LAST_WORD = "zz-kmodd.conf"
BLOCKED = "00-kmodd-blocked.conf"
"""What keeps everybody from loading a module that crashed, below /run/modprobe.d (daemon/block_file.py)."""


def last_word(modprobe_file: str) -> str:
    """Path of the second file that kmodd generates, beside the first (core/modprobe_conf.py)."""
    return os.path.join(os.path.dirname(modprobe_file), LAST_WORD)


def write_atomically(
    path: str | os.PathLike[str], content: bytes, *, durable: bool = False, mode: int = 0o600
) -> None:
    """Replace ``path`` by rename(2). ``durable``: on disk before it returns. Raises OSError."""
    temporary = stage(path, content, durable=durable, mode=mode)
    try:
        os.replace(temporary, path)
    except OSError:
        _remove(temporary)
        raise
    if durable:
        sync_directory(os.path.dirname(path))


def stage(path: str | os.PathLike[str], content: bytes, *, durable: bool = False, mode: int = 0o600) -> str:
    """Write what is to replace ``path`` beside it, hidden; where that is. Raises OSError, and leaves nothing.

    One writer at a time: the temporary file has a fixed name, so that a killed writer leaves one at most.
    """
    temporary = staged(path)
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode
    )
    try:
        try:
            os.fchmod(descriptor, mode)  # whatever the process's umask would make of it
            _write(descriptor, content)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        _remove(temporary)
        raise
    return temporary


def staged(path: str | os.PathLike[str]) -> str:
    """Where ``stage`` writes what is to replace ``path``."""
    directory, name = os.path.split(path)
    return os.path.join(directory, f".{name}.new")


def sync_directory(directory: str | os.PathLike[str]) -> None:
    """Have names that came or went on the disk before it returns (fsync(2)). Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, content: bytes) -> None:
    """All of it, where write(2) may take a part. Raises OSError."""
    while content:
        content = content[os.write(descriptor, content) :]


def _remove(path: str) -> None:
    try:  # noqa: SIM105  suppress would be all that the loader needs of contextlib
        os.unlink(path)
    except FileNotFoundError:
        pass
