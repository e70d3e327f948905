"""An event loop whose time passes only while it would sleep: no test waits, a deadlock is seen at once."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Clock(selectors.SelectSelector):
    """Turns sleeping into time passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is readable now; if nothing is, the time of the next timer comes at once."""
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "the loop would sleep for ever"
            self.now_s += max(timeout, 0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop on that clock; for scenarios without threads and without anything real to wait for."""

    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds of the clock."""
        return self._clock.now_s


def run(scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the scenario returns, run on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(scenario())


async def settle() -> None:
    """Let everything run that can run without time passing."""
    loop = asyncio.get_running_loop()
    before = loop.time()
    await asyncio.sleep(1e-6)
    assert loop.time() - before < 1e-3
