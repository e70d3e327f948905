"""The line between host and guest: one JSON object a line, both ways, many requests in flight.

Request ``{"id", "call", "arguments"}``, answer ``{"id", "result"}`` or ``{"id", "error"}``. Bytes that
are not UTF-8 travel as lone surrogates, which JSON escapes, so nothing is lost.

Towards the guest the line is cut into frames, few on their way at a time: a UML tty that was throttled
once never hears anything again (line_throttle in arch/um/drivers/line.c), which happens when its reader
is nearly 4096 bytes behind.
"""

import json
from collections.abc import Iterable, Iterator, Mapping

READY_ID = 0
"""The agent's first message carries this id: it listens."""


ACKNOWLEDGEMENT = b"+\n"
"""The agent has read one frame."""

WINDOW = 3
"""Frames that may be on their way."""

_PIECE_BYTES = 1000
_MORE, _LAST = b"-", b"."


def frames(line: bytes) -> Iterator[bytes]:
    """Cut a packed line into frames, each a short line of its own that says whether more follow."""
    text = line.removesuffix(b"\n")
    for start in range(0, len(text), _PIECE_BYTES):
        end = start + _PIECE_BYTES
        yield (_MORE if end < len(text) else _LAST) + text[start:end] + b"\n"


def lines(received: Iterable[bytes]) -> Iterator[bytes]:
    """Inverse of ``frames`` over everything that arrives."""
    pieces: list[bytes] = []
    for frame in received:
        pieces.append(frame[1:-1])
        if frame[:1] == _LAST:
            yield b"".join(pieces)
            pieces.clear()


def pack(message: Mapping[str, object]) -> bytes:
    """One line, pure ASCII."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def unpack(line: bytes) -> dict[str, object]:
    """Inverse of ``pack``; raises ValueError for anything else."""
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError(f"not an object: {line[:200]!r}")
    return message


def to_text(data: bytes) -> str:
    """Bytes as text that ``to_bytes`` turns back exactly."""
    return data.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    """Inverse of ``to_text``."""
    return text.encode("utf-8", "surrogateescape")
