"""Signals as busctl monitor sees them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from kmodd.bus import names
from tests.bus.private_bus import PrivateBus

_SIGNAL_TIMEOUT_S = 60.0


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
        assert process.stderr
        async with asyncio.timeout(_SIGNAL_TIMEOUT_S):
            await process.stderr.readline()
        yield Monitor(process)
    finally:
        process.kill()
        await process.communicate()
