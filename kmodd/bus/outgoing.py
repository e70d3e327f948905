"""Messages that kmodd sends, as bytes; the bodies come encoded."""

from __future__ import annotations

import struct

from kmodd.bus.encode import PAD, encode
from kmodd.bus.kept import kept
from kmodd.bus.message import CALL, ERROR, NO_REPLY_EXPECTED, RETURN, SIGNAL, Message

_FIXED = struct.Struct("<BBBBIII")
_REPLY_SERIAL = struct.Struct("<B3sI")
_MAX_ERROR_CHARACTERS = 16 * 1024


def method_call(
    serial: int, target: tuple[str, str, str, str], signature: str = "", body: bytes = b"", flags: int = 0
) -> bytes:
    """A call; ``target`` is destination, path, interface (or "") and member."""
    destination, path, interface, member = target
    fields = _names(path, interface, member)
    return _message(CALL, flags, serial, (*fields, _field(6, "s", destination)), signature, body)


def method_return(serial: int, call: Message, signature: str = "", body: bytes = b"") -> bytes:
    """The answer to ``call``."""
    return _message(RETURN, NO_REPLY_EXPECTED, serial, _answers(call), signature, body)


def error(serial: int, call: Message, name: str, text: str) -> bytes:
    """An error as the answer to ``call``; a text that is too long is cut."""
    fields = (*_answers(call), _field(4, "s", name))
    return _message(
        ERROR, NO_REPLY_EXPECTED, serial, fields, "s", encode("s", (text[:_MAX_ERROR_CHARACTERS],))
    )


def signal(serial: int, path: str, interface: str, member: str, signature: str, body: bytes) -> bytes:
    """A signal to whoever listens."""
    return _message(SIGNAL, NO_REPLY_EXPECTED, serial, _names(path, interface, member), signature, body)


def _names(path: str, interface: str, member: str) -> tuple[bytes, ...]:
    fields = _field(1, "o", path), _field(3, "s", member)
    return (*fields, _field(2, "s", interface)) if interface else fields


def _answers(call: Message) -> tuple[bytes, ...]:
    reply_serial = _REPLY_SERIAL.pack(5, b"\1u\0", call.serial)
    return (reply_serial, _field(6, "s", call.sender)) if call.sender else (reply_serial,)


@kept(1024)
def _field(code: int, kind: str, value: str) -> bytes:
    """A header field (``(yv)``), which begins at a multiple of 8."""
    return bytes((code, 1, ord(kind), 0)) + encode(kind, (value,))


def _message(
    kind: int, flags: int, serial: int, fields: tuple[bytes, ...], signature: str, body: bytes
) -> bytes:
    if signature:
        fields = (*fields, _field(8, "g", signature))
    header = bytearray()
    for field in fields:
        header += PAD[-len(header) & 7]
        header += field
    fixed = _FIXED.pack(ord("l"), kind, flags, 1, len(body), serial, len(header))
    header += PAD[-len(header) & 7]
    return fixed + header + body
