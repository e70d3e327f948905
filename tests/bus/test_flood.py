"""Clients that behave badly, beside one that does not. Nothing is timed: it is counted who was answered."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kmodd.bus import names
from kmodd.bus.auth import Authorizer
from kmodd.bus.connection import Connection, RemoteError
from kmodd.bus.fair import Limits
from kmodd.errors import KmoddError
from tests.bus.manager import FakeManager, statuses
from tests.bus.polkit import polkit
from tests.bus.private_bus import PrivateBus, client, serving

_LIST = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "ListModules")
_PLAN = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "Plan")
_GET_MODULE = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "GetModule")


@asynccontextmanager
async def flooding(bus: PrivateBus) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that floods; its first thousand calls are on the bus."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, Path(__file__).with_name("flood.py"), bus.address, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout
        await process.stdout.readline()
        yield process
    finally:
        process.kill()
        await process.communicate()


@pytest.mark.shows("security 7")
def test_a_flood_slows_down_nobody_else(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager(statuses(300))), client(bus) as other, flooding(bus) as flood:
            assert flood.stdout
            for _ in range(20):
                (rows,) = await other.call(_LIST)
                assert len(rows) == 300
            # It was still at it: another thousand has been taken since, or is being taken now.
            assert flood.returncode is None
            assert await flood.stdout.readline() == b"1000\n"

    asyncio.run(main())


def test_the_next_in_turn_is_another_sender(bus: PrivateBus) -> None:
    """A hundred calls wait; one of another client comes last and is answered second or third."""

    async def main() -> None:
        answered: list[str] = []
        async with serving(bus, FakeManager(statuses(1))), client(bus) as many, client(bus) as one:
            # Whatever the bus makes of the order, it has all of them before kmodd has one.
            bus.process.send_signal(signal.SIGSTOP)
            calls = [asyncio.create_task(note(many, "many", answered)) for _ in range(100)]
            calls.append(asyncio.create_task(note(one, "one", answered)))
            await asyncio.sleep(0)
            bus.process.send_signal(signal.SIGCONT)
            await asyncio.gather(*calls)
        assert answered.count("many") == 100
        assert answered.index("one") < 100

    async def note(connection: Connection, who: str, answered: list[str]) -> None:
        await connection.call(_LIST)
        answered.append(who)

    asyncio.run(main())


@pytest.mark.shows("security 7")
def test_calls_that_wait_do_not_block_others_and_are_bounded(bus: PrivateBus) -> None:
    async def main() -> None:
        manager = FakeManager(gate=asyncio.Event())
        async with serving(bus, manager), client(bus) as patient, client(bus) as other:
            assert manager.gate
            waiting = [asyncio.create_task(patient.call(_PLAN)) for _ in range(20)]
            await asyncio.sleep(0)
            for _ in range(20):
                await other.call(_LIST)
            assert not any(task.done() for task in waiting)
            manager.gate.set()
            await asyncio.gather(*waiting)
        assert manager.calls == ["plan"] * 20

    asyncio.run(main())


@pytest.mark.shows("security 7")
def test_too_many_calls_at_once_are_refused_one_by_one(bus: PrivateBus) -> None:
    async def main() -> None:
        manager = FakeManager(gate=asyncio.Event())
        async with serving(bus, manager), client(bus) as greedy, client(bus) as other:
            calls = [asyncio.create_task(greedy.call(_PLAN)) for _ in range(120)]
            await other.call(_LIST)
            assert manager.gate
            manager.gate.set()
            answers = await asyncio.gather(*calls, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, RemoteError)]
        assert {error.name for error in refused} <= {names.LIMITS_EXCEEDED}
        assert len(refused) + len(manager.calls) == 120

    asyncio.run(main())


@pytest.mark.shows("security 2", "security 7")
def test_questions_to_polkit_are_bounded_by_sender(bus: PrivateBus, monkeypatch: pytest.MonkeyPatch) -> None:
    """A polkit that never answers: one sender has few questions there, others have theirs and are served."""

    async def is_not_root(_self: Authorizer, _sender: str) -> bool:
        return False

    monkeypatch.setattr(Authorizer, "_is_root", is_not_root)
    reload = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "Reload")

    async def main() -> None:
        manager = FakeManager(statuses(1))
        async with polkit(bus, answer=None) as silent, serving(bus, manager):
            async with client(bus) as greedy, client(bus) as other:
                calls = [asyncio.create_task(greedy.call(reload)) for _ in range(100)]
                for _ in range(20):
                    assert len((await other.call(_LIST))[0]) == 1
                also = asyncio.create_task(other.call(reload))
                await other.call(_LIST)
                await other.call((names.POLKIT, names.POLKIT_PATH, names.PEER, "CancelCheckAuthorization"))
                askers = [subject[1]["name"].value for subject, *_ in silent.asked]
                assert other.unique_name in askers
                assert 0 < askers.count(greedy.unique_name) <= Limits().running
                assert not any(call.done() for call in (*calls, also))
            answers = await asyncio.gather(*calls, also, return_exceptions=True)
        assert all(isinstance(answer, KmoddError) for answer in answers)
        assert manager.calls == []

    asyncio.run(main())


@pytest.mark.shows("security 7")
def test_long_arguments_are_refused_and_the_connection_lives(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager(statuses(1))) as served, client(bus) as caller:
            for size in (70_000, 2_000_000, 20_000_000):
                with pytest.raises(RemoteError) as caught:
                    await caller.call(_GET_MODULE, "s", ("x" * size,))
                assert caught.value.name == names.LIMITS_EXCEEDED
            assert len((await caller.call(_LIST))[0]) == 1
            assert not served.connection.disconnected.is_set()

    asyncio.run(main())


def test_an_answer_that_the_bus_would_end_us_for_is_an_error(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kmodd.bus.connection._MAX_SENT_BYTES", 1000)

    async def main() -> None:
        async with serving(bus, FakeManager(statuses(100))), client(bus) as caller:
            with pytest.raises(RemoteError) as caught:
                await caller.call(_LIST)
        assert caught.value.name == names.LIMITS_EXCEEDED

    asyncio.run(main())


def test_a_body_is_not_decoded_for_a_member_that_takes_another(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager()), client(bus) as caller:
            with pytest.raises(RemoteError) as caught:
                await caller.call(_GET_MODULE, "aaaaaas", ([[[[[["x"]]]]]],))
        assert caught.value.name == names.INVALID_ARGS

    asyncio.run(main())
