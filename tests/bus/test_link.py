"""The daemon's way onto the bus, and back onto it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from kmodd.bus import names, publish, service
from kmodd.bus.connection import Connection
from kmodd.daemon import bus_link
from kmodd.daemon.bus_link import LONGEST_PAUSE_S, BusLink
from kmodd.daemon.facade import Facade
from tests.bus.manager import FakeManager, statuses
from tests.bus.monitor import monitoring
from tests.bus.private_bus import PrivateBus, client
from tests.support.clock import run

HOUR_S = 3600.0


class Brief:
    """A connection that the bus ends after ``lasts_s``."""

    lost_reason = "the bus closed the connection"

    def __init__(self, lasts_s: float) -> None:
        self.disconnected = asyncio.Event()
        asyncio.get_running_loop().call_later(lasts_s, self.disconnected.set)

    async def request_name(self, _name: str) -> None:
        """Owned."""

    async def close(self) -> None:
        """Closed already."""


@pytest.mark.shows("P6")
@pytest.mark.parametrize(("lasts_s", "most", "least"), [(0.0, 80, 50), (2 * LONGEST_PAUSE_S, 30, 25)])
def test_a_bus_that_ends_every_connection_is_not_stormed_and_one_that_restarts_is_not_waited_for(
    lasts_s: float, most: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []

    async def connect(_address: str) -> Connection:
        tried.append(asyncio.get_running_loop().time())
        return cast(Connection, Brief(lasts_s))

    monkeypatch.setattr(bus_link, "connect", connect)
    monkeypatch.setattr(service, "Service", lambda connection: connection)
    monkeypatch.setattr(publish, "bind_manager", lambda _service, _facade: None)

    async def scenario() -> None:
        link = asyncio.create_task(BusLink("unix:path=/nowhere", lambda: cast(Facade, FakeManager())).run())
        await asyncio.sleep(HOUR_S)
        link.cancel()
        await asyncio.wait([link])

    run(scenario)
    assert least <= len(tried) <= most


@asynccontextmanager
async def linked(bus: PrivateBus, manager: FakeManager) -> AsyncIterator[BusLink]:
    """A link that owns the name, and has exported nothing so far."""
    link = BusLink(bus.address, lambda: cast(Facade, manager))
    running = asyncio.create_task(link.run())
    try:
        await link.tried.wait()
        yield link
    finally:
        running.cancel()
        await asyncio.wait([running])


async def generation(bus: PrivateBus) -> int:
    """What a client reads."""
    async with client(bus) as connection:
        target = (names.SERVICE, names.MANAGER_PATH, names.PROPERTIES, "Get")
        (variant,) = await connection.call(target, "ss", (names.MANAGER_INTERFACE, "Generation"))
    return cast(int, variant.value)


def test_who_calls_before_the_first_pass_is_over_is_answered(bus: PrivateBus) -> None:
    manager = FakeManager()

    async def scenario() -> int:
        async with linked(bus, manager):
            return await generation(bus)

    assert asyncio.run(scenario()) == manager.generation


def test_the_objects_are_announced_with_the_first_show_and_not_again_with_the_next(bus: PrivateBus) -> None:
    manager = FakeManager(statuses(2))

    async def scenario() -> list[str]:
        async with monitoring(bus) as monitor, linked(bus, manager) as link:
            link.show()
            link.show()
            manager.generation += 1
            link.show()
            return [heard.member for heard in await monitor.signals(3)]

    assert asyncio.run(scenario()) == ["InterfacesAdded", "InterfacesAdded", "PropertiesChanged"]
