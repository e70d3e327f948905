"""Calls that change something: one after the other, and each to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kmodd.errors import KmoddError

T = TypeVar("T")


class Turns:
    """Work in tasks of ``group``, so that a caller who goes away leaves nothing half done."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._turn = asyncio.Lock()

    async def take(self, work: Callable[[], Awaitable[T]]) -> T:
        """What ``work`` returns or raises (KmoddError) when its turn has come."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._group.create_task(self._do(work, answer), name="change")
        return await answer

    def begin(self, work: Callable[[], Awaitable[object]]) -> None:
        """Have ``work`` done when its turn comes, for nobody who waits; a KmoddError of it goes nowhere."""
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        answer.cancel()
        self._group.create_task(self._do(work, answer), name="change")

    async def _do(self, work: Callable[[], Awaitable[T]], answer: asyncio.Future[T]) -> None:
        async with self._turn:
            try:
                result = await work()
            except KmoddError as error:
                if not answer.done():  # cancelled: nobody listens any more
                    answer.set_exception(error)
            else:
                if not answer.done():
                    answer.set_result(result)
