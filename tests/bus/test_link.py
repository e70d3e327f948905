"""The daemon's way onto the bus, and back onto it."""

import asyncio
from typing import cast

import pytest

from kmodd.bus.connection import Connection
from kmodd.daemon import bus_link
from kmodd.daemon.bus_link import LONGEST_PAUSE_S, BusLink
from kmodd.daemon.facade import Facade
from tests.bus.manager import FakeManager
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
    monkeypatch.setattr(bus_link, "Service", lambda connection: connection)
    monkeypatch.setattr(bus_link, "bind_manager", lambda _service, _facade: None)

    async def scenario() -> None:
        link = asyncio.create_task(BusLink("unix:path=/nowhere", cast(Facade, FakeManager())).run())
        await asyncio.sleep(HOUR_S)
        link.cancel()
        await asyncio.wait([link])

    run(scenario)
    assert least <= len(tried) <= most
