"""kmodd asked on the bus, over one connection, so that no start of a client is in the numbers."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kmodd.bus.connection import Connection, connect
from kmodd.bus.names import MANAGER_INTERFACE, MANAGER_PATH, SERVICE, SYSTEM_BUS


class Client:
    """A client with a loop of its own that runs only while a call is under way."""

    def __init__(self, runner: asyncio.Runner, connection: Connection) -> None:
        self._runner = runner
        self._connection = connection

    def call(self, member: str) -> tuple[Any, ...]:
        """Call a method of the manager that takes nothing. Raises RemoteError, NO_BUS."""
        target = (SERVICE, MANAGER_PATH, MANAGER_INTERFACE, member)
        return self._runner.run(self._connection.call(target))


@contextmanager
def client() -> Iterator[Client]:
    """Connected for the length of a with block."""
    with asyncio.Runner() as runner:
        connection = runner.run(connect(SYSTEM_BUS))
        try:
            yield Client(runner, connection)
        finally:
            runner.run(connection.close())
