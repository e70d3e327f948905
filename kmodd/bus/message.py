"""A message as it stands on the wire: header fields decoded, body still bytes (D-Bus specification)."""

from __future__ import annotations

from kmodd.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY_EXPECTED = 1
ALLOW_INTERACTIVE_AUTHORIZATION = 4


class WireError(ValueError):
    """Raised when bytes are not what the D-Bus specification says, or a value does not fit its signature."""


class CallError(Exception):
    """Raised by dispatch and handlers to answer with a standard D-Bus error: its name and one sentence."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        self.text = text


class Variant(NamedTuple):
    """A value with its signature (D-Bus type ``v``)."""

    signature: str
    value: Any


class Message(NamedTuple):
    """A received message; a header field that was absent is "" or 0. A tuple: made for every message."""

    kind: int
    flags: int = 0
    serial: int = 0
    path: str = ""
    interface: str = ""
    member: str = ""
    error_name: str = ""
    reply_serial: int = 0
    destination: str = ""
    sender: str = ""
    signature: str = ""
    little_endian: bool = True
    body: bytes = b""

    @property
    def wants_reply(self) -> bool:
        """Whether the sender of this call reads an answer."""
        return not self.flags & NO_REPLY_EXPECTED
