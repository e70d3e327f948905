"""Work that is shared: as few times as possible, never from before the question, no failure handed on."""

import asyncio

import pytest

from kmodd.daemon.shared import Shared
from tests.support.clock import run


class Work:
    """Counts its beginnings and takes a second."""

    def __init__(self, *failures: Exception) -> None:
        self.begun = 0
        self._failures = list(failures)

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        await asyncio.sleep(1.0)
        if self._failures:
            raise self._failures.pop(0)
        return number


def test_who_asks_at_the_same_time_shares_and_who_asks_later_does_not() -> None:
    async def scenario() -> None:
        work = Work()
        shared = Shared(work)
        first = [asyncio.create_task(shared.ask()) for _ in range(100)]
        await asyncio.sleep(0.5)
        later = [asyncio.create_task(shared.ask()) for _ in range(100)]
        assert set(await asyncio.gather(*first)) == {1}
        assert set(await asyncio.gather(*later)) == {2}
        assert work.begun == 2

    run(scenario)


def test_work_that_never_waits_is_shared_too() -> None:
    async def scenario() -> None:
        results: list[int] = []

        async def work() -> int:
            results.append(len(results))
            return len(results)

        shared = Shared(work)
        assert await asyncio.gather(*(shared.ask() for _ in range(100))) == [1] * 100
        assert await shared.ask() == 2

    run(scenario)


def test_a_failure_is_told_to_one_and_the_next_tries_itself() -> None:
    async def scenario() -> None:
        shared = Shared(Work(ValueError("first")))
        asked = [asyncio.create_task(shared.ask()) for _ in range(3)]
        with pytest.raises(ValueError, match="first"):
            await asked[0]
        assert await asyncio.gather(*asked[1:]) == [2, 2]

    run(scenario)


def test_who_gives_up_takes_nobody_along() -> None:
    async def scenario() -> None:
        shared = Shared(Work())
        asked = [asyncio.create_task(shared.ask()) for _ in range(3)]
        await asyncio.sleep(0.5)
        asked[0].cancel()
        assert await asyncio.gather(*asked[1:]) == [2, 2]

    run(scenario)
