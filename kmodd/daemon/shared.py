"""Work that many may ask for at the same time, done once for all of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Whoever waits when the work begins is given what comes of it; who asks later, of the next."""

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._turn = asyncio.Lock()
        self._begun = 0
        self._done: tuple[T] | None = None

    async def ask(self) -> T:
        """The result of work that began after this call; raises what its own attempt raises."""
        begun = self._begun
        await asyncio.sleep(0)  # all that ask in this turn of the loop wait
        async with self._turn:
            if self._done is None or self._begun == begun:
                self._begun += 1
                self._done = None
                self._done = (await self._work(),)
            return self._done[0]
