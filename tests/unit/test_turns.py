"""Calls that change something: one after the other, each to its end."""

import asyncio

import pytest

from kmodd.daemon.turns import Turns
from kmodd.errors import ErrorKind, KmoddError
from tests.support.clock import run, settle


def test_one_after_the_other_in_the_order_of_asking() -> None:
    done: list[str] = []

    async def work(name: str) -> str:
        done.append(f"{name} begins")
        await asyncio.sleep(1)
        done.append(f"{name} ends")
        return name

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            turns = Turns(group)
            turns.begin(lambda: work("a"))
            answers = await asyncio.gather(turns.take(lambda: work("b")), turns.take(lambda: work("c")))
        assert list(answers) == ["b", "c"]

    run(scenario)
    assert done == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]


def test_an_error_is_the_callers_and_nobody_elses() -> None:
    async def fails() -> None:
        raise KmoddError(ErrorKind.BUSY, "no")

    async def works() -> int:
        return 1

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            turns = Turns(group)
            turns.begin(fails)
            with pytest.raises(KmoddError, match="no"):
                await turns.take(fails)
            assert await turns.take(works) == 1

    run(scenario)


def test_a_caller_who_goes_away_stops_nothing() -> None:
    done: list[int] = []

    async def work() -> None:
        await asyncio.sleep(5)
        done.append(1)
        raise KmoddError(ErrorKind.BUSY, "nobody listens")

    async def scenario() -> None:
        async with asyncio.TaskGroup() as group:
            turns = Turns(group)
            call = asyncio.ensure_future(turns.take(work))
            await settle()
            call.cancel()
            assert await turns.take(lambda: asyncio.sleep(0, "next")) == "next"

    run(scenario)
    assert done == [1]
