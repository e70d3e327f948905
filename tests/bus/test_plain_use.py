"""What a person does with busctl, against a real dbus-daemon."""

import asyncio

from kmodd.bus import names
from kmodd.errors import ErrorKind, KmoddError
from tests.bus.manager import FakeManager, status, statuses
from tests.bus.private_bus import PrivateBus, busctl, busctl_json, manager_call, serving


def test_smoke(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager(statuses(3))):
            for args in (["tree", "org.kmodd1"], ["introspect", "org.kmodd1", "/org/kmodd1"], ["introspect", "org.kmodd1", "/org/kmodd1/module/module_001"],
               ["introspect","--xml-interface", "org.kmodd1", "/org/kmodd1"]):
                p = await busctl(bus, *args)
                print(p.out, p.err)
            for m in ("Reload","Reconcile","Plan","ListModules"):
                print(await manager_call(bus, m))
            print(await manager_call(bus, "GetModule", "s", "nosuch"))
            print(await manager_call(bus, "GetModule", "s", "module-001"))
    asyncio.run(main())
