"""Files that kmodd leaves for itself: replaced as a whole or not at all, and believed only when undamaged.

The first line is a header (JSON: format and digest of the rest), the rest is one JSON value.
"""

import json
import os
from pathlib import Path
from typing import Any

from kmodd.config.digest import digest
from kmodd.config.issues import Refused
from kmodd.config.safefile import read_file, trusted_owners

MAX_BYTES = 256 << 20
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def write(path: Path, data: bytes, *, durable: bool) -> None:
    """Replace ``path`` in one step, mode 0600; ``durable``: it is on the disk on return. Raises OSError.

    One writer at a time: the temporary file has a fixed name, so that a killed writer leaves one at most.
    """
    temporary = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(temporary, _CREATE, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    os.replace(temporary, path)
    if durable:
        _sync_directory(path.parent)


def read(path: Path, format_name: str) -> Any:
    """The value that was written; None if there is no file; raises ValueError if it is anything else."""
    try:
        data = read_file(path, trusted_owners(), MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from error
    except Refused as refused:
        raise ValueError(refused.message) from refused
    return unpack(format_name, data)


def pack(format_name: str, value: object) -> bytes:
    """``value`` as ``write`` takes and ``unpack`` expects it."""
    body = json.dumps(value, separators=(",", ":"), check_circular=False).encode("ascii")
    return json.dumps(_header(format_name, body)).encode("ascii") + b"\n" + body


def unpack(format_name: str, data: bytes) -> Any:
    """The value in ``data``; raises ValueError if it is damaged or of another format."""
    first, _, body = data.partition(b"\n")
    if json.loads(first) != _header(format_name, body):
        raise ValueError("it is damaged or of another format")
    return json.loads(body)


def _header(format_name: str, body: bytes) -> dict[str, str]:
    return {"format": format_name, "digest": digest(body)}


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
