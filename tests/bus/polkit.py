"""A polkit that answers as it is told, and remembers what it was asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from kmodd.bus import names
from kmodd.bus.connection import Connection
from kmodd.bus.decode import decode_body
from kmodd.bus.encode import encode
from kmodd.bus.message import Message
from tests.bus.private_bus import PrivateBus, client


@dataclass
class FakePolkit:
    """``answer``: True and False are verdicts, a text is an error, None is silence."""

    connection: Connection
    answer: bool | str | None
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def serve(self, call: Message) -> None:
        """Take one call."""
        if call.member == "CancelCheckAuthorization":
            self.cancelled.extend(decode_body(call))
            self.connection.reply(call, "", b"")
            return
        self.asked.append(decode_body(call))
        if isinstance(self.answer, str):
            self.connection.reply_error(call, "org.freedesktop.PolicyKit1.Error.Failed", self.answer)
        elif self.answer is not None:
            self.connection.reply(call, "(bba{ss})", encode("(bba{ss})", ((self.answer, False, {}),)))


@asynccontextmanager
async def polkit(bus: PrivateBus, answer: bool | str | None = True) -> AsyncIterator[FakePolkit]:
    """polkit on the bus."""
    async with client(bus) as connection:
        fake = FakePolkit(connection, answer)
        connection.on_call = fake.serve
        await connection.request_name(names.POLKIT)
        yield fake
