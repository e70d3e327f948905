"""Calls that come while a pass is being made: each sees a whole one, and none disturbs it."""

import asyncio
from pathlib import Path

from kmodd.core.draft import Plan
from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import DeviceMatch, Settings, When
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.daemon import CONFIG, SimulatedDaemon, declare, lost, play

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


def test_plans_asked_for_at_once_share_a_survey_and_never_an_earlier_one(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.catalog = daemon.catalog._replace(settings=Settings(enforce=False))
        daemon.declare(declare("dummy"), declare("other"))
        await daemon.second()
        before = daemon.devices.looks
        plans = await asyncio.gather(*(daemon.reconciler.plan() for _ in range(100)))
        assert daemon.devices.looks == before + 1
        assert all([step.module for step in plan.steps] == ["dummy", "other"] for plan in plans)
        daemon.kernel.insert("dummy")
        assert [step.module for step in (await daemon.reconciler.plan()).steps] == ["other"]

    play(tmp_path, scenario)


def test_a_plan_that_cannot_be_made_is_not_the_next_one(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("dummy"))
        await daemon.second()
        daemon.kernel.remove("dummy")
        (daemon.tree / "modules.softdep").write_text("")
        daemon.loader.refusals = [lost(ErrorKind.LOADER_LOST)]
        asked = await asyncio.gather(*(daemon.reconciler.plan() for _ in range(2)), return_exceptions=True)
        assert isinstance(asked[0], KmoddError)
        assert isinstance(asked[1], Plan)
        assert [step.module for step in asked[1].steps] == ["dummy"]

    play(tmp_path, scenario)
