"""What is tried again, when, and what has to change first."""

import asyncio
import errno
from itertools import pairwise
from pathlib import Path

import pytest

from kmodd.daemon.reconciler import PAUSE_AFTER_PROBLEM_S
from kmodd.errors import ErrorKind
from kmodd.events.trigger import Look
from kmodd.model import DeviceMatch, Settings, When
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState
from tests.support.daemon import CONFIG, MODULES, SimulatedDaemon, declare, lost, play
from tests.support.simulated import Fault

USB = DeviceMatch(subsystem="usb")


@pytest.mark.shows("fault: EBUSY")
def test_a_failure_backs_off_and_is_tried_again_by_itself(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=errno.EBUSY)] * 4 + [Fault()]
        daemon.catalog = daemon.catalog._replace(settings=Settings(event_quiet_time_s=0.0))
        daemon.declare(declare("dummy"), declare("other"))
        loop = asyncio.get_running_loop()
        attempts: list[float] = []
        while daemon.conditions().get("dummy") is not Condition.IN_SYNC:
            await asyncio.sleep(0.01)
            if len(daemon.loader.begun()) - 1 > len(attempts):
                attempts.append(loop.time())
        waits = [later - earlier for earlier, later in pairwise(attempts)]
        assert len(waits) == 4
        assert all(longer > 1.2 * shorter for shorter, longer in pairwise(waits))
        assert daemon.loader.begun().count(ModuleName("other")) == 1
        assert daemon.status("dummy").failure_count == 0

    play(tmp_path, scenario)


def test_while_it_backs_off_the_status_says_so_and_when_it_goes_on(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("base")] = [Fault(error=errno.EBUSY)]
        daemon.declare(declare("upper"))
        await daemon.second()
        # The pauses are jittered: a try may be under way at just that moment.
        await daemon.until(lambda: daemon.status("base").condition is Condition.BACKING_OFF)
        status = daemon.status("base")
        assert status.failure_count > 1
        assert status.next_retry_us > 0
        assert daemon.status("upper").condition is Condition.WAITING_FOR_DEPENDENCY
        assert daemon.status("upper").blockers == ("base",)
        assert daemon.state() is DaemonState.CONVERGED  # it passes by itself
        assert not daemon.snapshot.converged

    play(tmp_path, scenario)


@pytest.mark.shows("fault: EINVAL")
def test_a_permanent_failure_waits_for_a_change(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=errno.EINVAL), Fault()]
        daemon.declare(declare("dummy"))
        await daemon.second()
        await asyncio.sleep(10_000)
        assert daemon.status("dummy").condition is Condition.FAILED
        assert daemon.status("dummy").message.startswith("init-error: ")
        assert daemon.state() is DaemonState.DEGRADED
        assert len(daemon.loader.begun()) == 1
        daemon.declare(declare("dummy")._replace(reason="changed"))
        await daemon.look(CONFIG)
        assert daemon.status("dummy").condition is Condition.IN_SYNC

    play(tmp_path, scenario)


def test_a_change_of_files_that_never_held_still_is_a_change(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=errno.EINVAL), Fault()]
        daemon.catalog = daemon.catalog._replace(key="", declarations=(declare("dummy"),))
        await daemon.second()
        assert daemon.status("dummy").condition is Condition.FAILED
        changed = declare("dummy")._replace(reason="changed")
        daemon.catalog = daemon.catalog._replace(key="", declarations=(changed,))
        await daemon.look(CONFIG)
        assert daemon.status("dummy").condition is Condition.IN_SYNC
        assert daemon.snapshot.generation == 2

    play(tmp_path, scenario)


@pytest.mark.shows("fault: EINVAL")
def test_a_changed_module_tree_is_a_change(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=errno.ENOEXEC), Fault()]
        daemon.declare(declare("dummy"))
        await daemon.second()
        (daemon.tree / "modules.dep.bin").write_text("new")
        await daemon.look(Look(full=True))
        assert daemon.status("dummy").condition is Condition.IN_SYNC

    play(tmp_path, scenario)


def test_somebody_else_succeeds_where_kmodd_failed(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=errno.EINVAL)]
        daemon.declare(declare("dummy"))
        await daemon.second()
        daemon.kernel.insert("dummy")
        await daemon.look(MODULES)
        status = daemon.status("dummy")
        assert (status.condition, status.failure_count) == (Condition.IN_SYNC, 0)

    play(tmp_path, scenario)


@pytest.mark.shows("fault: ENODEV")
def test_hardware_brings_its_module_and_enodev_waits_for_hardware(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("serial")] = [Fault(error=errno.ENODEV), Fault()]
        daemon.declare(declare("serial", when=When(devices=(USB,))))
        await daemon.second()
        assert daemon.devices.listened == {USB}
        assert daemon.status("serial").condition is Condition.CONDITION_UNMET
        daemon.devices.present = {USB}
        await daemon.look(Look(devices=frozenset(("/sys/devices/usb1",))))
        assert daemon.status("serial").condition is Condition.WAITING_FOR_HARDWARE
        await asyncio.sleep(10_000)
        assert len(daemon.loader.begun()) == 1
        for present in (set[DeviceMatch](), {USB}):
            daemon.devices.present = present
            await daemon.look(Look(devices=frozenset(("/sys/devices/usb1",))))
        assert daemon.status("serial").condition is Condition.IN_SYNC

    play(tmp_path, scenario)


@pytest.mark.shows("fault: ENODEV")
def test_hardware_that_comes_while_its_module_looks_for_it_in_vain_brings_it_again(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        serial = ModuleName("serial")
        daemon.loader.faults[serial] = [Fault(error=errno.ENODEV), Fault(error=errno.ENODEV), Fault()]
        gate = daemon.loader.gates[serial] = asyncio.Event()
        daemon.declare(declare("serial", when=When(devices=(USB,))))
        for present in ({USB}, set[DeviceMatch](), {USB}):
            daemon.devices.present = present
            await daemon.look(Look(devices=frozenset(("/sys/devices/usb1",))))
        assert daemon.loader.begun() == [serial]
        gate.set()
        await daemon.second()
        assert daemon.loader.begun() == [serial] * 2, "once more, and then it waits for another event"
        assert daemon.status("serial").condition is Condition.WAITING_FOR_HARDWARE

    play(tmp_path, scenario)


def test_hardware_that_comes_late_is_no_reason_to_try_again_and_again(tmp_path: Path) -> None:
    """What its module wants has found nothing either; the module itself takes its time."""

    async def scenario(daemon: SimulatedDaemon) -> None:
        upper, base = ModuleName("upper"), ModuleName("base")
        daemon.loader.faults[base] = [Fault(error=errno.ENODEV)]
        gate = daemon.loader.gates[upper] = asyncio.Event()
        daemon.declare(declare("upper", when=When(devices=(USB,)))._replace(wants=(base,)), declare("other"))
        for present in ({USB}, set[DeviceMatch](), {USB}):
            daemon.devices.present = present
            await daemon.look(Look(devices=frozenset(("/sys/devices/usb1",))))
        tries = daemon.loader.begun().count(base)
        for _ in range(5):
            await daemon.look(Look(full=True))
        assert daemon.loader.begun().count(base) == tries
        gate.set()
        await daemon.second()
        assert daemon.loader.begun().count(base) <= tries + 1

    play(tmp_path, scenario)


def test_hardware_gives_what_its_module_needs_another_chance_too(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("base")] = [Fault(error=errno.ENODEV), Fault()]
        daemon.declare(declare("upper", when=When(devices=(USB,))))
        daemon.devices.present = {USB}
        await daemon.second()
        assert daemon.status("base").condition is Condition.WAITING_FOR_HARDWARE
        for present in (set[DeviceMatch](), {USB}):
            daemon.devices.present = present
            await daemon.look(Look(all_devices=True))
        assert daemon.conditions() == {"upper": Condition.IN_SYNC, "base": Condition.IN_SYNC}

    play(tmp_path, scenario)


def test_a_look_at_the_plan_does_not_swallow_that_hardware_came(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("serial")] = [Fault(error=errno.ENODEV), Fault()]
        daemon.devices.present = {USB}
        daemon.declare(declare("serial", when=When(devices=(USB,))))
        await daemon.second()
        daemon.devices.present = set()
        await daemon.look(Look(all_devices=True))
        daemon.devices.present = {USB}
        plan = await daemon.reconciler.plan()
        assert [step.module for step in plan.steps] == ["serial"]
        await daemon.look(Look(all_devices=True))
        assert daemon.status("serial").condition is Condition.IN_SYNC

    play(tmp_path, scenario)


def test_a_survey_that_fails_keeps_its_news_for_the_next(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=errno.EINVAL), Fault()]
        daemon.declare(declare("dummy"))
        await daemon.second()
        (daemon.tree / "modules.dep.bin").write_text("new")
        daemon.loader.refusals = [lost(ErrorKind.LOADER_LOST)]
        await daemon.look(Look(full=True))
        assert daemon.status("dummy").condition is Condition.FAILED
        await asyncio.sleep(PAUSE_AFTER_PROBLEM_S + 1)
        assert daemon.status("dummy").condition is Condition.IN_SYNC

    play(tmp_path, scenario)
