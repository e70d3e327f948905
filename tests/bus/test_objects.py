"""Objects that come, change and go: ObjectManager and Properties as clients hear of them."""

import asyncio
from typing import Any

import pytest

from kmodd.action import ActionKind
from kmodd.bus import names
from kmodd.bus.interfaces import MODULE
from kmodd.bus.message import Variant
from kmodd.names import ModuleName
from kmodd.shown import DaemonState, ModuleState, Outcome, OutcomeRow
from tests.bus.manager import FakeManager, status, statuses
from tests.bus.monitor import Heard, monitoring
from tests.bus.private_bus import PrivateBus, client, serving

LOOP = ModuleName("loop")
LOOP_PATH = f"{names.MODULE_ROOT}/loop"
_MANAGED_OBJECTS = (names.SERVICE, names.MANAGER_PATH, names.OBJECT_MANAGER, "GetManagedObjects")


async def managed_objects(bus: PrivateBus) -> dict[str, dict[str, dict[str, Any]]]:
    """What ObjectManager says, as another client."""
    async with client(bus) as connection:
        (objects,) = await connection.call(_MANAGED_OBJECTS)
    return dict(objects)


def test_three_hundred_modules_through_the_object_manager(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager(statuses(300))):
            objects = await managed_objects(bus)
            async with client(bus) as connection:
                every = [await all_properties(connection, path) for path in objects]
        assert len(objects) == 300
        assert [each[names.MODULE_INTERFACE] for each in objects.values()] == every
        assert set(every[0]) == set(MODULE.properties)

    async def all_properties(connection: Any, path: str) -> dict[str, Variant]:
        target = (names.SERVICE, path, names.PROPERTIES, "GetAll")
        return dict((await connection.call(target, "s", (names.MODULE_INTERFACE,)))[0])

    asyncio.run(main())


def test_only_what_changed_is_announced(bus: PrivateBus) -> None:
    async def main() -> None:
        manager = FakeManager({LOOP: status("loop"), ModuleName("dm"): status("dm")})
        async with serving(bus, manager) as served, monitoring(bus) as monitor:
            manager.held[LOOP] = manager.held[LOOP]._replace(refcount=2, state=ModuleState.UNLOADING)
            manager.held[ModuleName("dm")] = manager.held[ModuleName("dm")]._replace()
            manager.state, manager.converged = DaemonState.DEGRADED, False
            served.publisher.publish()
            served.publisher.publish()
            manager.generation += 1
            served.publisher.publish()
            module, state, generation = await monitor.signals(3)
        assert module == Heard(
            LOOP_PATH,
            "PropertiesChanged",
            [
                names.MODULE_INTERFACE,
                {"RefCount": {"type": "i", "data": 2}, "State": {"type": "s", "data": "unloading"}},
                [],
            ],
        )
        assert set(state.values[1]) == {"State", "Converged"}
        assert generation.path == names.MANAGER_PATH
        assert generation.values[1] == {"Generation": {"type": "u", "data": 8}}

    asyncio.run(main())


def test_objects_added_and_removed(bus: PrivateBus) -> None:
    async def main() -> None:
        manager = FakeManager()
        async with serving(bus, manager) as served, monitoring(bus) as monitor:
            manager.held[LOOP] = status("loop")
            served.publisher.publish()
            added = await monitor.signal()
            assert list(await managed_objects(bus)) == [LOOP_PATH]
            del manager.held[LOOP]
            served.publisher.publish()
            removed = await monitor.signal()
            assert await managed_objects(bus) == {}
        assert (added.path, added.member, added.values[0]) == (
            names.MANAGER_PATH,
            "InterfacesAdded",
            LOOP_PATH,
        )
        assert set(added.values[1][names.MODULE_INTERFACE]) == set(MODULE.properties)
        assert removed == Heard(
            names.MANAGER_PATH, "InterfacesRemoved", [LOOP_PATH, [names.MODULE_INTERFACE]]
        )

    asyncio.run(main())


def test_a_pass_is_announced_when_it_did_something(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager()) as served, monitoring(bus) as monitor:
            served.publisher.finished(())
            served.publisher.finished((OutcomeRow(LOOP, ActionKind.LOAD, Outcome.FAILED),))
            heard = await monitor.signal()
        assert heard == Heard(names.MANAGER_PATH, "ReconcileFinished", [[["loop", "load", "failed"]]])

    asyncio.run(main())


@pytest.mark.shows("P6")
def test_the_same_tables_serve_a_new_connection(bus: PrivateBus) -> None:
    async def main() -> None:
        manager = FakeManager({LOOP: status("loop")})
        async with serving(bus, manager):
            assert list(await managed_objects(bus)) == [LOOP_PATH]
        manager.held[LOOP] = status("loop", refcount=9)
        async with serving(bus, manager):
            objects = await managed_objects(bus)
        assert objects[LOOP_PATH][names.MODULE_INTERFACE]["RefCount"] == Variant("i", 9)

    asyncio.run(main())
