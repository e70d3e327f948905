"""What the event scenarios share: each runs in a process of its own, where the kernel or udev is another."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from kmodd.events.trigger import Look

PATIENCE_S = 20.0
"""Only how long a broken listener takes to fail a test."""

Scenario = Callable[[], Coroutine[Any, Any, None]]


class Looks:
    """What a listener has told, in order."""

    def __init__(self) -> None:
        self.told: list[Look] = []
        self._news = asyncio.Event()

    def __call__(self, look: Look) -> None:
        self.told.append(look)
        self._news.set()

    async def next(self) -> Look:
        """The oldest look not yet asked for."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.told:
                self._news.clear()
                await self._news.wait()
        return self.told.pop(0)


def root_with_udevd() -> str:
    """A /run in which udevd seems to be running."""
    root = tempfile.mkdtemp()
    (Path(root) / "udev").mkdir()
    (Path(root) / "udev/control").touch()
    return root


def main(scenarios: Mapping[str, Scenario]) -> None:
    """Run the scenario that the command line names; a failed assertion is a traceback and a status of 1."""
    asyncio.run(scenarios[sys.argv[1]]())
