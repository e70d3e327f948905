"""From values to bytes, little-endian: one encoder a signature, compiled once and kept.

dbus_next's marshaller walks and verifies every value and is several times slower. What a bus daemon drops a
connection for is refused here: NUL and lone surrogates in strings, wrong object paths, oversized arrays.
"""

from __future__ import annotations

import struct

from kmodd.bus.kept import kept
from kmodd.bus.message import Variant, WireError
from kmodd.bus.signature import split_signature, types_in
from kmodd.names import is_ascii_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Encoder = Callable[[bytearray, Any], None]
    """Appends a value to a body. The buffer begins where the body does: alignment counts from there."""

PAD = tuple(bytes(count) for count in range(8))
MAX_ARRAY_BYTES = 64 * 1024 * 1024
_U32 = struct.Struct("<I")
# Type -> struct format; the size is the alignment (D-Bus specification, Summary of types).
_NUMBERS = {"y": "B", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d"}
_ALIGNED_TO_8 = "xtd({"


def encode(signature: str, values: Sequence[Any]) -> bytes:
    """The body that ``values`` make; raises WireError when they do not fit ``signature``."""
    out = bytearray()
    encode_into(out, signature, values)
    return bytes(out)


def encode_into(out: bytearray, signature: str, values: Sequence[Any]) -> None:
    """Append ``values`` to a body; raises WireError, after which ``out`` is of no use."""
    try:
        for write, value in zip(_encoders(signature), values, strict=True):
            write(out, value)
    except (AttributeError, TypeError, ValueError, struct.error) as error:
        raise WireError(f"a value does not fit {signature!r}: {error}") from error


@kept(512)
def _encoders(signature: str) -> tuple[Encoder, ...]:
    return tuple(map(_encoder, split_signature(signature)))


def _inner(signature: str) -> tuple[Encoder, ...]:
    """Of what is between brackets."""
    return tuple(map(_encoder, types_in(signature)))


@kept(512)
def _encoder(kind: str) -> Encoder:
    """Encoder of one single complete type."""
    if kind in _NUMBERS:
        return _number(_NUMBERS[kind])
    if kind.startswith("a{"):
        return _array(kind, _dictionary_items(kind[2:-1]))
    if kind.startswith("a"):
        return _array(kind, _items(_encoder(kind[1:])))
    if kind.startswith("("):
        return _struct(kind[1:-1])
    try:
        return _SIMPLE[kind]
    except KeyError:
        raise WireError(f"type {kind!r} is not sent") from None


def _number(code: str) -> Encoder:
    packer = struct.Struct("<" + code)
    mask = packer.size - 1

    def write(out: bytearray, value: Any) -> None:
        out += PAD[-len(out) & mask]
        out += packer.pack(value)

    return write


def _boolean(out: bytearray, value: Any) -> None:
    out += PAD[-len(out) & 3]
    out += b"\1\0\0\0" if value else b"\0\0\0\0"


def _string(out: bytearray, value: Any) -> None:
    data = value.encode()
    if b"\0" in data:
        raise WireError("a string holds a NUL")
    out += PAD[-len(out) & 3]
    out += _U32.pack(len(data))
    out += data
    out += b"\0"


def _path(out: bytearray, value: Any) -> None:
    if not _is_path(value):
        raise WireError("not an object path")
    _string(out, value)


def _is_path(value: str) -> bool:
    """``/``, or words with one ``/`` before each."""
    if not value.startswith("/") or "//" in value:
        return False
    return value == "/" or (value[-1] != "/" and is_ascii_word(value.replace("/", "_")))


def _signature(out: bytearray, value: Any) -> None:
    split_signature(value)
    data = value.encode("ascii")
    out.append(len(data))
    out += data
    out += b"\0"


def _variant(out: bytearray, value: Variant) -> None:
    signature, content = value
    _signature(out, signature)
    (write,) = _encoders(signature)
    write(out, content)


def _struct(inner: str) -> Encoder:
    writers = _inner(inner)

    def write(out: bytearray, value: Any) -> None:
        out += PAD[-len(out) & 7]
        for write_one, item in zip(writers, value, strict=True):
            write_one(out, item)

    return write


def _items(write_one: Encoder) -> Encoder:
    def write(out: bytearray, value: Any) -> None:
        for item in value:
            write_one(out, item)

    return write


def _dictionary_items(inner: str) -> Encoder:
    write_key, write_item = _inner(inner)

    def write(out: bytearray, value: Mapping[Any, Any]) -> None:
        for key, item in value.items():
            out += PAD[-len(out) & 7]
            write_key(out, key)
            write_item(out, item)

    return write


def _array(kind: str, write_items: Encoder) -> Encoder:
    first_aligned_to_8 = kind[1] in _ALIGNED_TO_8

    def write(out: bytearray, value: Any) -> None:
        if isinstance(value, str):
            raise WireError("a string where an array is wanted")
        begin = open_array(out, first_aligned_to_8=first_aligned_to_8)
        write_items(out, value)
        close_array(out, begin)

    return write


def open_array(out: bytearray, *, first_aligned_to_8: bool) -> int:
    """Begin an array; the answer goes to close_array."""
    out += PAD[-len(out) & 3]
    out += bytes(4)
    length_at = len(out) - 4
    if first_aligned_to_8:
        out += PAD[-len(out) & 7]
    return length_at << 3 | len(out) - length_at - 4


def close_array(out: bytearray, begin: int) -> None:
    """Put the length in: the bytes since the first element, without the padding before it."""
    length_at, padding = begin >> 3, begin & 7
    size = len(out) - length_at - 4 - padding
    if size > MAX_ARRAY_BYTES:
        raise WireError("an array is over 64 MiB")
    _U32.pack_into(out, length_at, size)


_SIMPLE: dict[str, Encoder] = {
    "b": _boolean,
    "s": _string,
    "o": _path,
    "g": _signature,
    "v": _variant,
}
