"""Calls that come while a pass is being made: each sees a whole one, and none disturbs it."""

import asyncio
from pathlib import Path

from kmodd.model import DeviceMatch, When
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.daemon import CONFIG, SimulatedDaemon, declare, play

USB = DeviceMatch(subsystem="usb")


def test_modules_that_no_file_names_can_be_asked_for_at_the_same_time(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.lookup_s = 0.1
        daemon.kernel.insert("dummy")
        daemon.kernel.insert("other")
        await daemon.second()
        first = asyncio.create_task(daemon.reconciler.include(ModuleName("dummy")))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(daemon.reconciler.include(ModuleName("other")))
        for status in (await first, await second):
            assert status is not None
            assert status.condition is Condition.NOT_MANAGED
            assert status.path

    play(tmp_path, scenario)


def test_a_plan_asked_for_during_a_pass_leaves_its_devices_listened_to(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.lookup_s = 0.1
        await daemon.second()
        daemon.declare(declare("serial", when=When(devices=(USB,))))
        daemon.trigger.notify(CONFIG)
        await asyncio.sleep(0.05)
        plan = await daemon.reconciler.plan()
        assert plan.verdicts.keys() == {"serial"}
        assert daemon.devices.listened == {USB}

    play(tmp_path, scenario)
