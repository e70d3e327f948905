"""From bytes to messages: frames out of a stream, headers out of frames. Bodies stay bytes until wanted."""

from __future__ import annotations

import struct

from kmodd.bus.kept import kept
from kmodd.bus.message import CALL, Message, WireError
from kmodd.bus.values import decode_values
from kmodd.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIXED_BYTES = 16
MAX_FIELDS_BYTES = 64 * 1024
MAX_CALL_BODY_BYTES = 64 * 1024
MAX_MESSAGE_BYTES = 1024 * 1024
PROTOCOL_MESSAGE_BYTES = 128 * 1024 * 1024

# Longer headers are nobody's who means well, and 512 of them would be memory of ours that a stranger fills.
_KEPT_BYTES = 1024

_FIXED = {True: struct.Struct("<BBBBIII"), False: struct.Struct(">BBBBIII")}
_U32 = {True: struct.Struct("<I"), False: struct.Struct(">I")}
_LITTLE, _BIG = ord("l"), ord("B")
# Header field code -> field of Message, in the order there, and type (D-Bus specification, Header Fields).
# 9, UNIX_FDS, is passed over as an unknown one is.
_FIELDS = {
    1: ("path", "o"),
    2: ("interface", "s"),
    3: ("member", "s"),
    4: ("error_name", "s"),
    5: ("reply_serial", "u"),
    6: ("destination", "s"),
    7: ("sender", "s"),
    8: ("signature", "g"),
}


class Frame(NamedTuple):
    """One message as bytes; ``cut`` when its body was over the limit and left out."""

    data: bytes
    cut: bool = False


class Framer:
    """Cuts a stream into messages; what is over the limits is skipped without being held in memory.

    ``most_bytes``: of a body that is no call's.
    """

    def __init__(self, most_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._buffer = bytearray()
        self._at = 0
        self._skip = 0
        self.dropped = 0
        """Messages left out whole, because not even their header was reasonable."""

    def feed(self, data: bytes) -> None:
        """Add what came from the stream."""
        del self._buffer[: self._at]
        self._at = 0
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._buffer += memoryview(data)[skipped:]

    def next(self) -> Frame | None:
        """The next whole message, or None; raises WireError when the stream cannot be followed any more."""
        while len(self._buffer) - self._at >= FIXED_BYTES:
            kind, fields_bytes, body_bytes = _sizes(self._buffer, self._at)
            header = FIXED_BYTES + (fields_bytes + 7 & ~7)
            if fields_bytes > MAX_FIELDS_BYTES:
                self.dropped += 1
                self._drop(header + body_bytes)
                continue
            limit = MAX_CALL_BODY_BYTES if kind == CALL else self._most_bytes
            cut = body_bytes > limit
            data = self._take(header if cut else header + body_bytes)
            if data is not None and cut:
                self._drop(body_bytes)
            return None if data is None else Frame(data, cut)
        return None

    def _take(self, count: int) -> bytes | None:
        end = self._at + count
        if end > len(self._buffer):
            return None
        data = bytes(memoryview(self._buffer)[self._at : end])
        self._at = end
        return data

    def _drop(self, count: int) -> None:
        here = min(count, len(self._buffer) - self._at)
        self._at += here
        self._skip = count - here


def _sizes(buffer: bytearray, at: int) -> tuple[int, int, int]:
    """Type, bytes of the header fields and bytes of the body of the message at ``at``."""
    if buffer[at] not in (_LITTLE, _BIG):
        raise WireError("a message has no byte order")
    _, kind, _, version, body_bytes, _, fields_bytes = _FIXED[buffer[at] == _LITTLE].unpack_from(buffer, at)
    if version != 1 or fields_bytes + body_bytes > PROTOCOL_MESSAGE_BYTES:
        raise WireError("a message is of another protocol")
    return kind, fields_bytes, body_bytes


def decode_message(data: bytes) -> Message:
    """The message whose frame is ``data``; fields that the specification does not know are passed over.

    Raises WireError. Names and paths are not checked: the bus has done so, and here they are only looked up.
    """
    little = data[0] == _LITTLE
    _, kind, flags, _, _, serial, fields_bytes = _FIXED[little].unpack_from(data)
    header = data[FIXED_BYTES : FIXED_BYTES + fields_bytes]
    fields = _kept_fields(header, little) if fields_bytes <= _KEPT_BYTES else _header_fields(header, little)
    body = data[FIXED_BYTES + (fields_bytes + 7 & ~7) :]
    message = Message._make((kind, flags, serial, *fields, little, body))
    if kind == CALL and not (message.path and message.member):
        raise WireError("a call has no path or member")
    return message


def _header_fields(data: bytes, little: bool) -> tuple[Any, ...]:
    """Values of _FIELDS in a header (type ``a(yv)``, the entries aligned to 8); raises WireError."""
    try:
        found = _parsed_fields(data, little)
    except (IndexError, UnicodeDecodeError, struct.error) as error:
        raise WireError("a header is malformed") from error
    return tuple(found.get(name, 0 if kind == "u" else "") for name, kind in _FIELDS.values())


@kept(512)
def _kept_fields(data: bytes, little: bool) -> tuple[Any, ...]:
    """As _header_fields: a client that repeats a call repeats its header but for the serial number."""
    return _header_fields(data, little)


def _parsed_fields(data: bytes, little: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    at, end = 0, len(data)
    while at < end:
        code = data[at]
        known = _FIELDS.get(code)
        if known is None:
            if code == 0:
                raise WireError("a header has a field 0")
            at = decode_values("v", data, little_endian=little, offset=at + 1)[1]
        else:
            name, kind = known
            if data[at + 1 : at + 4] != b"\1%c\0" % ord(kind):
                raise WireError(f"a header's {name} is of another type")
            fields[name], at = _field_value(data, at + 4, kind, little)
        if at > end:
            raise WireError("a header is cut off")
        at = at + 7 & ~7
    return fields


def _field_value(data: bytes, at: int, kind: str, little: bool) -> tuple[str | int, int]:
    """Value of a header field of type ``kind`` at ``at`` (a multiple of 4), and where it ends."""
    if kind == "u":
        return _U32[little].unpack_from(data, at)[0], at + 4
    if kind == "g":
        begin, size = at + 1, data[at]
    else:
        begin, size = at + 4, _U32[little].unpack_from(data, at)[0]
    text = data[begin : begin + size].decode()
    if "\0" in text:
        raise WireError("a header holds a NUL")
    return text, begin + size + 1


def decode_body(message: Message) -> tuple[Any, ...]:
    """Values of the body (structs and arrays are lists, variants Variant); raises WireError."""
    if not message.signature and not message.body:
        return ()
    values, end = decode_values(message.signature, message.body, little_endian=message.little_endian)
    if end != len(message.body):
        raise WireError(f"the values are longer than {message.signature!r}")
    return values
