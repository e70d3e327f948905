"""Signals as busctl monitor sees them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from kmodd.bus import names
from tests.bus.private_bus import PrivateBus

_SIGNAL_TIMEOUT_S = 60.0
_LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One signal: where from, which, and its values as busctl writes them."""

    path: str
    member: str
    values: list[Any]


@dataclass(frozen=True, slots=True)
class Monitor:
    """A running busctl monitor of the service's messages."""

    process: asyncio.subprocess.Process

    async def signal(self) -> Heard:
        """The next signal; other messages are passed over."""
        assert self.process.stdout
        async with asyncio.timeout(_SIGNAL_TIMEOUT_S):
            while True:
                message = json.loads(await self.process.stdout.readline())
                if message["type"] == "signal":
                    return Heard(message["path"], message["member"], message["payload"]["data"])

    async def signals(self, count: int) -> list[Heard]:
        """The next ``count`` signals."""
        return [await self.signal() for _ in range(count)]


@asynccontextmanager
async def monitoring(bus: PrivateBus) -> AsyncIterator[Monitor]:
    """A monitor that is listening by now."""
    process = await asyncio.create_subprocess_exec(
        "busctl",
        f"--address={bus.address}",
        "--json=short",
        "monitor",
        names.SERVICE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    try:
        async with asyncio.timeout(_SIGNAL_TIMEOUT_S):
            while not await _is_listening(process, bus):
                pass
        yield Monitor(process)
    finally:
        process.kill()
        await process.communicate()


async def _is_listening(monitor: asyncio.subprocess.Process, bus: PrivateBus) -> bool:
    """Whether the monitor saw a call made now; not every version of busctl says when it has begun."""
    ping = await asyncio.create_subprocess_exec(
        "busctl",
        f"--address={bus.address}",
        "call",
        names.SERVICE,
        names.MANAGER_PATH,
        "org.freedesktop.DBus.Peer",
        "Ping",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    await ping.wait()
    assert monitor.stdout
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_S):
            while b'"Ping"' not in await monitor.stdout.readline():
                pass
            return True
    return False
