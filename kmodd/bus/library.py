"""The only place that knows dbus_next: signatures, decoding of values, EXTERNAL authentication.

Only its leaf modules are imported. The package itself would run all of them: glib (and with it gi),
service (with typing.no_type_check_decorator, deprecated in Python 3.13), proxies and an XML parser.
"""

import struct
import sys
from functools import lru_cache, partial
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from io import BytesIO
from types import ModuleType
from typing import Any

from kmodd.bus.message import Variant, WireError

_PACKAGE = "dbus_next"
# errors first: it is in a circle with signature that can be entered there only.
_LEAVES = ("errors", "signature", "auth", "_private.unmarshaller")


def _import_leaves() -> list[ModuleType]:
    """The leaf modules, with a package around them that was found but not executed."""
    if _PACKAGE in sys.modules:
        return [import_module(f"{_PACKAGE}.{leaf}") for leaf in _LEAVES]
    spec = find_spec(_PACKAGE)
    if spec is None:
        raise ModuleNotFoundError("kmodd needs dbus-next 0.2.3", name=_PACKAGE)
    sys.modules[_PACKAGE] = module_from_spec(spec)
    try:
        return [import_module(f"{_PACKAGE}.{leaf}") for leaf in _LEAVES]
    finally:
        del sys.modules[_PACKAGE]  # whoever wants the whole package gets it


_, _signature, _auth, _unmarshaller = _import_leaves()

# What the unmarshaller is seen to raise on hostile bytes: it checks nothing beforehand.
_DECODE_ERRORS = (
    _unmarshaller.MarshallerStreamEndError,
    EOFError,
    IndexError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
_CACHED_SIGNATURES = 256
_BASIC = frozenset("ybnqiuxtdhsog")


def split_signature(signature: str) -> tuple[str, ...]:
    """Single complete types of ``signature``; raises WireError."""
    return tuple(kind.signature for kind in _types(signature))


@lru_cache(maxsize=_CACHED_SIGNATURES)
def _types(signature: str) -> list[Any]:
    """Parsed single complete types, of dbus_next's making."""
    try:
        types: list[Any] = _signature.SignatureTree(signature).types
        valid = all(map(_is_valid, types))
    except (ValueError, IndexError, RecursionError) as error:
        raise WireError(f"{signature!r} is not a signature") from error
    if not valid:
        raise WireError(f"{signature!r} is not a signature")
    return types


def _is_valid(kind: Any, *, in_array: bool = False) -> bool:
    """What dbus_next does not ask: a dictionary entry stands in an array only, and has a basic key."""
    begins = kind.token
    if begins == "{" and not (in_array and kind.children[0].token in _BASIC):
        return False
    return all(_is_valid(child, in_array=begins == "a") for child in kind.children)


def decode_values(
    signature: str, data: bytes, *, little_endian: bool = True, offset: int = 0
) -> tuple[tuple[Any, ...], int]:
    """Values of ``signature`` at ``offset`` of ``data``, and where they end; raises WireError.

    ``data`` begins at an offset of the message that is a multiple of 8. Structs and arrays are lists,
    dictionaries dicts, variants Variant.
    """
    reader = _unmarshaller.Unmarshaller(BytesIO())
    reader.buf = data
    reader.offset = offset
    reader.endian = ord("l") if little_endian else ord("B")
    reader.readers["v"] = partial(_variant, reader)
    try:
        return tuple(reader.read_argument(kind) for kind in _types(signature)), reader.offset
    except _DECODE_ERRORS as error:
        raise WireError(f"the values are not {signature!r}") from error


def _variant(reader: Any, _kind: Any = None) -> Variant:
    """A variant as ours.

    dbus_next's own reader raises a plain Exception for some signatures, and remembers each that anybody sent.
    """
    signature: str = reader.read_signature()
    (kind,) = _types(signature)
    return Variant(signature, reader.read_argument(kind))


class ExternalAuth:
    """The client's side of EXTERNAL (D-Bus specification, Authentication Protocol), without fd passing."""

    def __init__(self) -> None:
        self._dialogue = _auth.AuthExternal()

    def first_line(self) -> bytes:
        """What is sent first; the NUL byte carries the credentials."""
        return b"\0" + self._line(self._dialogue._authentication_start(negotiate_unix_fd=False))

    def next_line(self, line: bytes) -> bytes:
        """What answers ``line`` of the server, always BEGIN; raises WireError when it refuses."""
        try:
            return self._line(self._dialogue._receive_line(line.decode("ascii").strip()))
        except (_auth.AuthError, ValueError) as error:
            raise WireError("the bus refuses our credentials") from error

    @staticmethod
    def _line(text: str) -> bytes:
        return f"{text}\r\n".encode("ascii")
