"""Files that kmodd leaves for itself, believed only when undamaged.

The first line is a header (JSON: format and digest of the rest), the rest is one JSON value.
"""

import json
from pathlib import Path
from typing import Any

from kmodd.config.issues import Refused
from kmodd.config.safefile import read_file, trusted_owners
from kmodd.digest import digest
from kmodd.files import write_atomically

MAX_BYTES = 256 << 20


def write(path: Path, format_name: str, value: object, *, durable: bool) -> None:
    """Replace ``path`` as files.write_atomically does. Raises OSError."""
    write_atomically(path, pack(format_name, value), durable=durable)


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
    """``value`` as ``unpack`` expects it."""
    body = json.dumps(value, separators=(",", ":"), check_circular=False).encode("ascii")
    return json.dumps(_header(format_name, body)).encode("ascii") + b"\n" + body


def unpack(format_name: str, data: bytes) -> Any:
    """The value in ``data``; raises ValueError if it is damaged or of another format."""
    first, _, body = data.partition(b"\n")
    try:
        if json.loads(first) != _header(format_name, body):
            raise ValueError("it is damaged or of another format")
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("it nests too deep") from error


def _header(format_name: str, body: bytes) -> dict[str, str]:
    return {"format": format_name, "digest": digest(body)}
