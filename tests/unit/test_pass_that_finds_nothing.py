"""A pass that finds all as the one before makes nothing anew; whatever is another is looked at."""

import asyncio
from pathlib import Path

import pytest

from kmodd.core import plan as core_plan
from kmodd.daemon import planner
from kmodd.events.trigger import EVERYTHING, Look
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.daemon import MODULES, SimulatedDaemon, declare, play, with_parameters
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated_kernel import module

DUMMY = ModuleName("dummy")


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The times at which plans are made."""
    made: list[int] = []

    def make(*given: object) -> object:
        made.append(1)
        return core_plan.make_plan(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(planner, "make_plan", make)
    return made


@pytest.mark.parametrize("look", [MODULES, Look(full=True, all_devices=True)])
def test_plan_and_statuses_are_the_very_same(tmp_path: Path, look: Look) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(with_parameters("dummy", level="2"), declare("upper"), declare("core"))
        await daemon.look(EVERYTHING)
        before, passes = daemon.snapshot, len(daemon.shown)
        await daemon.look(look)
        assert len(daemon.shown) > passes
        assert daemon.snapshot.plan is before.plan
        assert before.statuses
        for name, status in daemon.snapshot.statuses.items():
            assert status is before.statuses[name]

    play(tmp_path, scenario)


def test_what_others_do_is_planned_for_and_shown(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(with_parameters("dummy", level="2"), declare("base"))
        await daemon.look(EVERYTHING)
        await daemon.look(MODULES)
        daemon.kernel.poke(DUMMY, "level", "7")
        await daemon.look(MODULES)
        assert daemon.kernel.value(DUMMY, "level") == "2"
        daemon.kernel.use(DUMMY, 3)
        await daemon.look(MODULES)
        assert daemon.status("dummy").refcount == 3
        await asyncio.sleep(120)
        daemon.kernel.remove("base")
        await daemon.look(MODULES)
        assert daemon.status("base").condition is Condition.IN_SYNC
        assert ModuleName("base") in daemon.kernel.present()

    play(tmp_path, scenario)


def test_what_waits_for_the_clock_is_planned_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("base"), declare("grumpy"))
        await daemon.look(EVERYTHING)
        made = counted(monkeypatch)
        await daemon.look(MODULES)
        assert made, "a failure is tried again by time"

    grumpy = module("grumpy", fails=12)  # ENOMEM
    play(tmp_path, scenario, (module("base", level=KernelParameter()), grumpy))
