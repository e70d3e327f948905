"""Keeps the daemon on the bus: connects, owns the name, exports, and comes back when the bus has gone."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from kmodd.bus.connection import Connection, connect
from kmodd.bus.names import SERVICE
from kmodd.daemon.chance import chance
from kmodd.daemon.log import fields
from kmodd.daemon.message_id import MessageId
from kmodd.errors import KmoddError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kmodd.bus.message import Message
    from kmodd.bus.publish import Publisher
    from kmodd.daemon.facade import Facade
    from kmodd.shown import OutcomeRow

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0

_log = logging.getLogger(__name__)


class BusLink:
    """One connection at a time; without one the daemon does its work all the same.

    While the daemon starts only the name is there: objects come with the first call, or the first show().
    """

    def __init__(self, address: str, make_facade: Callable[[], Facade]) -> None:
        self._address = address
        self._make_facade = make_facade
        self._facade: Facade | None = None
        self._connection: Connection | None = None
        self._publisher: Publisher | None = None
        self._hint = asyncio.Event()
        self._said = ""
        self.tried = asyncio.Event()
        """Set once the first attempt has ended, in whatever way."""

    def show(self) -> None:
        """The facade may answer differently now: announce it."""
        if self._publisher is not None:
            self._publisher.publish()
        elif self._connection is not None and self.tried.is_set():
            self._export(self._connection)

    def finished(self, rows: tuple[OutcomeRow, ...]) -> None:
        """Announce that a plan has been carried out."""
        if self._publisher is not None:
            self._publisher.finished(rows)

    def try_now(self) -> None:
        """The socket may have appeared: do not wait any longer."""
        self._hint.set()

    async def run(self) -> None:
        """Connect and connect again, until cancelled; pauses grow until a connection has lasted."""
        loop = asyncio.get_running_loop()
        pause_s = FIRST_PAUSE_S
        while True:
            began = loop.time()
            try:
                await self._once()
            except KmoddError as error:
                self._complain(str(error))
            finally:
                self._connection = self._publisher = None
                self.tried.set()
            if loop.time() - began > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            await self._pause(pause_s * (0.8 + 0.4 * chance()))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _once(self) -> None:
        """One connection, from its beginning to its end. Raises KmoddError where it never began."""
        connection = await connect(self._address)
        try:
            await self._serve(connection)
        finally:
            await connection.close()

    async def _serve(self, connection: Connection) -> None:
        self._connection = connection
        if self.tried.is_set():
            self._export(connection)
        else:
            connection.on_call = self._first_called
        await connection.request_name(SERVICE)
        if self._said:
            _log.info("on the bus again")
        self._said = ""
        self.tried.set()
        await connection.disconnected.wait()
        self._complain(f"the bus has gone: {connection.lost_reason}")

    def _first_called(self, call: Message) -> None:
        """Somebody asks before the first pass is over."""
        if self._connection is not None:
            self._export(self._connection)
            self._connection.on_call(call)

    def _export(self, connection: Connection) -> None:
        from kmodd.bus.publish import bind_manager  # noqa: PLC0415  (later.py)
        from kmodd.bus.service import Service  # noqa: PLC0415  (later.py)

        if self._facade is None:
            self._facade = self._make_facade()
        self._publisher = bind_manager(Service(connection), self._facade)

    def _complain(self, text: str) -> None:
        """Say it once, not with every attempt."""
        if text != self._said:
            _log.warning("%s; going on without the bus", text, extra=fields(MessageId.NO_BUS))
        self._said = text

    async def _pause(self, pause_s: float) -> None:
        """Until the socket appears, or for the case that it is there and nobody listens, a while."""
        self._hint.clear()
        try:
            async with asyncio.timeout(pause_s):
                await self._hint.wait()
        except TimeoutError:
            return
