"""Calls on a bus over one connection that blocks, whose answers are taken and not decoded.

What a client spends on an answer is its own affair and not in the numbers.
"""

import socket
import time
from types import TracebackType
from typing import Self

from bench.series import Series
from kmodd.bus import external, names, outgoing
from kmodd.bus.address import socket_names
from kmodd.bus.decode import Framer, decode_message
from kmodd.bus.encode import encode
from kmodd.bus.message import ERROR, NO_REPLY_EXPECTED

Target = tuple[str, str, str, str]

GET_ID: Target = (names.BUS, names.BUS_PATH, names.BUS, "GetId")
GET_VERSION: Target = (names.SERVICE, names.MANAGER_PATH, names.PROPERTIES, "Get")
LIST_MODULES: Target = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "ListModules")
PLAN: Target = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "Plan")
GET_MANAGED_OBJECTS: Target = (names.SERVICE, names.MANAGER_PATH, names.OBJECT_MANAGER, "GetManagedObjects")
VERSION = encode("ss", (names.MANAGER_INTERFACE, "Version"))

_READ_BYTES = 1 << 20
_MOST_BYTES = 32 << 20


class Asker:
    """For the length of a with block."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(socket_names(address)[0])
        self._framer = Framer(_MOST_BYTES)
        self._serial = 0
        self._socket.sendall(external.first_line())
        self._socket.sendall(external.next_line(self._socket.recv(_READ_BYTES)))
        self.call((names.BUS, names.BUS_PATH, names.BUS, "Hello"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def call(self, target: Target, signature: str = "", body: bytes = b"") -> int:
        """Call and wait; bytes of the answer's body. AssertionError for an error."""
        self._serial += 1
        self._socket.sendall(outgoing.method_call(self._serial, target, signature, body))
        while True:
            message = decode_message(self._next())
            if message.reply_serial == self._serial:
                assert message.kind != ERROR, message.error_name
                return len(message.body)

    def seconds_a_call(self, count: int, target: Target, signature: str = "", body: bytes = b"") -> float:
        """Seconds for one call, of ``count`` one after another."""
        began_s = time.perf_counter()
        for _ in range(count):
            self.call(target, signature, body)
        return (time.perf_counter() - began_s) / count

    def flood(self, target: Target, count: int) -> None:
        """Send so many calls whose answers nobody wants; waits while the bus does not take them."""
        self._socket.sendall(
            b"".join(outgoing.method_call(1 + n, target, flags=NO_REPLY_EXPECTED) for n in range(count))
        )

    def _next(self) -> bytes:
        while (frame := self._framer.next()) is None:
            self._framer.feed(self._socket.recv(_READ_BYTES))
        return frame.data


def calls_a_second(*each: Series) -> str:
    """What seconds for a call come to, as a sentence."""
    rates = ", ".join(f"{one.label} {1 / one.median:.0f}" for one in each)
    return f"small calls a second, one after another: {rates}"
