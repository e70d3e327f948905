"""From bytes to values: one decoder a signature, compiled once and kept, as encoders in ``kmodd.bus.encode``.

The bytes may be anybody's: what is read lies within them, or reading ends with an error.
"""

from __future__ import annotations

import struct

from kmodd.bus.kept import kept
from kmodd.bus.message import Variant, WireError
from kmodd.bus.signature import split_signature, types_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Decoder = Callable[[bytes, int], tuple[Any, int]]
    """The value at an offset that is not yet aligned, and where it ends."""

# Type -> struct format; the size is the alignment (D-Bus specification, Summary of types).
_NUMBERS = {"y": "B", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I"}
_ALIGNED_TO_8 = "xtd({"
_U32 = {True: struct.Struct("<I"), False: struct.Struct(">I")}


def decode_values(
    signature: str, data: bytes, *, little_endian: bool = True, offset: int = 0
) -> tuple[tuple[Any, ...], int]:
    """Values of ``signature`` at ``offset`` of ``data``, and where they end; raises WireError.

    ``data`` begins at an offset of the message that is a multiple of 8. Structs and arrays are lists,
    dictionaries dicts, variants Variant, arrays of bytes are bytes.
    """
    try:
        values, end = _in_turn(_decoders(signature, little_endian), data, offset)
    except (IndexError, RecursionError, ValueError, struct.error) as error:
        raise WireError(f"the values are not {signature!r}") from error
    return tuple(values), end


@kept(256)
def _decoders(signature: str, little: bool) -> tuple[Decoder, ...]:
    return tuple(_decoder(kind, little) for kind in split_signature(signature))


@kept(256)
def _decoder(kind: str, little: bool) -> Decoder:
    """Decoder of one single complete type."""
    if kind in _NUMBERS:
        return _number(_NUMBERS[kind], little)
    if kind in _COUNTED:
        return _COUNTED[kind](_U32[little])
    if kind.startswith("a"):
        return _array(kind, little)
    if kind.startswith("("):
        return _struct(_inner(kind, little))
    return _variant(little) if kind == "v" else _signature


def _inner(kind: str, little: bool) -> tuple[Decoder, ...]:
    """Of what is between the brackets of a struct or an entry of a dictionary."""
    return tuple(_decoder(each, little) for each in types_in(kind[1:-1]))


def _in_turn(decoders: tuple[Decoder, ...], data: bytes, at: int) -> tuple[list[Any], int]:
    values = []
    for decode in decoders:
        value, at = decode(data, at)
        values.append(value)
    return values, at


def _number(code: str, little: bool) -> Decoder:
    packed = struct.Struct("<>"[not little] + code)
    size, unpack = packed.size, packed.unpack_from

    def decode(data: bytes, at: int) -> tuple[Any, int]:
        at += -at & size - 1
        return unpack(data, at)[0], at + size

    return decode


def _boolean(u32: struct.Struct) -> Decoder:
    def decode(data: bytes, at: int) -> tuple[bool, int]:
        at += -at & 3
        return u32.unpack_from(data, at)[0] != 0, at + 4

    return decode


def _string(u32: struct.Struct) -> Decoder:
    unpack = u32.unpack_from

    # In one piece, because of most answers that is most of the work.
    def decode(data: bytes, at: int) -> tuple[str, int]:
        at += -at & 3
        begin = at + 4
        end: int = begin + unpack(data, at)[0]
        if data[end]:
            raise WireError("a text does not end with NUL")
        return data[begin:end].decode(), end + 1

    return decode


def _signature(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + data[at]
    return data[at + 1 : end].decode(), _after_nul(data, end)


def _after_nul(data: bytes, at: int) -> int:
    if data[at]:
        raise WireError("a text does not end with NUL")
    return at + 1


def _variant(little: bool) -> Decoder:
    def decode(data: bytes, at: int) -> tuple[Variant, int]:
        signature, at = _signature(data, at)
        (decode_content,) = _decoders(signature, little)
        value, at = decode_content(data, at)
        return Variant(signature, value), at

    return decode


def _struct(inner: tuple[Decoder, ...]) -> Decoder:
    def decode(data: bytes, at: int) -> tuple[list[Any], int]:
        return _in_turn(inner, data, at + (-at & 7))

    return decode


def _bytes(u32: struct.Struct) -> Decoder:
    unpack = u32.unpack_from

    def decode(data: bytes, at: int) -> tuple[bytes, int]:
        at += -at & 3
        begin = at + 4
        end: int = begin + unpack(data, at)[0]
        if end > len(data):
            raise WireError("what has a length is cut off")
        return data[begin:end], end

    return decode


def _array(kind: str, little: bool) -> Decoder:
    is_dictionary = kind[1] == "{"
    element = _struct(_inner(kind[1:], little)) if is_dictionary else _decoder(kind[1:], little)
    u32, mask = _U32[little], 7 if kind[1] in _ALIGNED_TO_8 else 0

    def decode(data: bytes, at: int) -> tuple[Any, int]:
        at += -at & 3
        size = u32.unpack_from(data, at)[0]
        at += 4
        at += -at & mask
        end = at + size
        if end > len(data):
            raise WireError("an array is cut off")
        values = []
        while at < end:
            value, at = element(data, at)
            values.append(value)
        if at != end:
            raise WireError("an array's length is not that of its elements")
        return dict(values) if is_dictionary else values, at

    return decode


_COUNTED: dict[str, Callable[[struct.Struct], Decoder]] = {
    "b": _boolean,
    "s": _string,
    "o": _string,
    "ay": _bytes,
}
"""What begins with a number of 32 bits."""
