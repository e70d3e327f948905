"""Passes on a simulated kernel, from the catalog to what is shown; time passes only when nothing happens."""

import asyncio
import errno
from collections.abc import Callable, Coroutine
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kmodd.daemon.reconciler import COMPILER_TRIES, PAUSE_AFTER_PROBLEM_S
from kmodd.daemon.snapshot import summary
from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.trigger import EVERYTHING, Look
from kmodd.model import (
    Condition,
    DaemonState,
    Declaration,
    Desired,
    DeviceMatch,
    Issue,
    LoadRequest,
    Location,
    ModuleState,
    Parameter,
    Settings,
    Severity,
    When,
)
from kmodd.names import ModuleName
from tests.support.clock import run, settle
from tests.support.daemon import SimulatedDaemon
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated import Fault
from tests.support.simulated_kernel import module

CONFIG = Look(config=True)
MODULES = Look(modules=frozenset((ModuleName("any"),)))
USB = DeviceMatch(subsystem="usb")
TREE = (
    module("base"),
    module("upper", "base"),
    module("other"),
    module("dummy", numdummies=KernelParameter(mode=0), level=KernelParameter()),
    module("serial"),
    module("core", builtin=True),
)

Scenario = Callable[[SimulatedDaemon], Coroutine[Any, Any, None]]
Play = Callable[[Scenario], None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs a scenario in a daemon of its own."""

    async def whole(scenario: Scenario) -> None:
        async with asyncio.TaskGroup() as group:
            daemon = SimulatedDaemon(group, tmp_path, TREE)
            await scenario(daemon)
            daemon.stop()

    return lambda scenario: run(lambda: whole(scenario))


def declare(name: str, state: Desired = Desired.LOADED, *needs: str, when: When | None = None) -> Declaration:
    requires = tuple(map(ModuleName, needs))
    return Declaration(ModuleName(name), state, requires=requires, when=when or When())


def with_parameters(name: str, **parameters: str) -> Declaration:
    given = tuple(Parameter(key, value) for key, value in parameters.items())
    return Declaration(ModuleName(name), parameters=given)


def lost(kind: ErrorKind = ErrorKind.COMPILER_LOST) -> KmoddError:
    return KmoddError(kind, f"{kind.code} for a test")


def error_in(file: str) -> Issue:
    return Issue(Severity.ERROR, "syntax", "no value after =", "write one", Location(file, 3, 7))


def test_what_files_declare_is_loaded_with_what_it_needs_and_shown_as_read_back(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("upper"))
        await daemon.second()
        assert daemon.loader.begun() == ["base", "upper"]
        assert daemon.conditions() == {"upper": Condition.IN_SYNC, "base": Condition.IN_SYNC}
        assert daemon.state() is DaemonState.CONVERGED
        assert daemon.snapshot.converged
        assert daemon.status("base").holders == ("upper",)
        assert daemon.status("base").desired == ""
        assert summary(daemon.snapshot) == "converged: 2 in-sync"

    play(scenario)


def test_a_second_pass_makes_no_kernel_call(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("upper"), with_parameters("dummy", numdummies="3", level="2"), declare("core"))
        await daemon.second()
        performed, lookups = list(daemon.loader.journal), list(daemon.loader.lookups)
        passes = len(daemon.shown)
        for look in (EVERYTHING, MODULES, CONFIG, Look(full=True), Look(retry=True)):
            await daemon.look(look)
        assert len(daemon.shown) == passes + 5
        assert daemon.loader.journal == performed
        assert daemon.loader.lookups == lookups
        assert daemon.snapshot.generation == 1

    play(scenario)


def test_what_somebody_removes_comes_back(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("dummy"))
        await daemon.second()
        before = daemon.kernel.instance(ModuleName("dummy"))
        daemon.kernel.remove("dummy")
        await daemon.look(MODULES)
        assert daemon.status("dummy").state is ModuleState.LOADED
        assert daemon.kernel.instance(ModuleName("dummy")) != before

    play(scenario)


def test_what_no_event_told_is_found_by_the_resync(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.catalog = replace(daemon.catalog, settings=Settings(resync_interval_s=60.0))
        daemon.declare(declare("dummy"))
        await daemon.second()
        daemon.kernel.remove("dummy")
        await daemon.second()
        assert not daemon.kernel.present()
        await asyncio.sleep(60)
        assert daemon.kernel.present() == {"dummy"}

    play(scenario)


def test_nothing_declared_means_no_timer(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        passes = len(daemon.shown)
        await asyncio.sleep(1e6)
        assert len(daemon.shown) == passes
        assert summary(daemon.snapshot) == "converged: no modules declared"

    play(scenario)


def test_a_failure_backs_off_and_is_tried_again_by_itself(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=errno.EBUSY)] * 4 + [Fault()]
        daemon.catalog = replace(daemon.catalog, settings=Settings(event_quiet_time_s=0.0))
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

    play(scenario)


def test_while_it_backs_off_the_status_says_so_and_when_it_goes_on(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("base")] = [Fault(error=errno.EBUSY)]
        daemon.declare(declare("upper"))
        await daemon.second()
        status = daemon.status("base")
        assert status.condition is Condition.BACKING_OFF
        assert status.failure_count > 1
        assert status.next_retry_us > 0
        assert daemon.status("upper").condition is Condition.WAITING_FOR_DEPENDENCY
        assert daemon.status("upper").blockers == ("base",)
        assert daemon.state() is DaemonState.CONVERGED  # it passes by itself
        assert not daemon.snapshot.converged

    play(scenario)


def test_a_permanent_failure_waits_for_a_change(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=errno.EINVAL), Fault()]
        daemon.declare(declare("dummy"))
        await daemon.second()
        await asyncio.sleep(10_000)
        assert daemon.status("dummy").condition is Condition.FAILED
        assert daemon.status("dummy").message.startswith("bad-parameter: ")
        assert daemon.state() is DaemonState.DEGRADED
        assert len(daemon.loader.begun()) == 1
        daemon.declare(replace(declare("dummy"), reason="changed"))
        await daemon.look(CONFIG)
        assert daemon.status("dummy").condition is Condition.IN_SYNC

    play(scenario)


def test_a_changed_module_tree_is_a_change(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=errno.ENOEXEC), Fault()]
        daemon.declare(declare("dummy"))
        await daemon.second()
        (daemon.tree / "modules.dep.bin").write_text("new")
        await daemon.look(Look(full=True))
        assert daemon.status("dummy").condition is Condition.IN_SYNC

    play(scenario)


def test_somebody_else_succeeds_where_kmodd_failed(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=errno.EINVAL)]
        daemon.declare(declare("dummy"))
        await daemon.second()
        daemon.kernel.insert("dummy")
        await daemon.look(MODULES)
        status = daemon.status("dummy")
        assert (status.condition, status.failure_count) == (Condition.IN_SYNC, 0)

    play(scenario)


def test_hardware_brings_its_module_and_enodev_waits_for_hardware(play: Play) -> None:
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

    play(scenario)


def test_a_look_at_the_plan_does_not_swallow_that_hardware_came(play: Play) -> None:
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

    play(scenario)


def test_a_survey_that_fails_keeps_its_news_for_the_next(play: Play) -> None:
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

    play(scenario)


def test_reconcile_returns_what_came_of_each_action(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("base")] = [Fault(error=errno.EINVAL)]
        daemon.declare(declare("upper"), declare("other"))
        rows = await daemon.reconciler.reconcile()
        assert sorted((row.module, row.outcome) for row in rows) == [
            ("base", "failed"),
            ("other", "done"),
            ("upper", "blocked"),
        ]
        assert await daemon.reconciler.reconcile() == ()
        assert daemon.finishes == [rows]

    play(scenario)


def test_reconcile_does_not_wait_for_what_is_slow(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.gates[ModuleName("base")] = asyncio.Event()
        daemon.declare(declare("upper"), declare("other"))
        rows = await daemon.reconciler.reconcile()
        assert [(row.module, row.outcome) for row in rows] == [("other", "done")]
        await daemon.second()
        assert daemon.status("base").condition is Condition.LOADING_SLOW
        assert daemon.status("upper").condition is Condition.LOADING
        assert daemon.state() is DaemonState.DEGRADED
        daemon.loader.gates[ModuleName("base")].set()
        await daemon.second()
        assert daemon.state() is DaemonState.CONVERGED
        assert daemon.kernel.present() == {"base", "upper", "other"}

    play(scenario)


def test_plan_changes_nothing(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.catalog = replace(daemon.catalog, settings=Settings(enforce=False))
        daemon.declare(declare("upper"))
        await daemon.second()
        plan = await daemon.reconciler.plan()
        assert [step.row.module for step in plan.steps] == ["base", "upper"]
        assert plan.steps[0].reason == "needed by upper"
        assert not daemon.loader.journal
        assert not daemon.snapshot.converged

    play(scenario)


def test_reload_counts_catalogs_and_refuses_with_every_message(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("other"))
        assert await daemon.reconciler.reload() == 1
        assert await daemon.reconciler.reload() == 1
        daemon.declare(declare("other"), declare("dummy"))
        assert await daemon.reconciler.reload() == 2
        daemon.catalog = replace(daemon.catalog, key="bad", issues=(error_in("a.toml"), error_in("b.toml")))
        with pytest.raises(KmoddError) as caught:
            await daemon.reconciler.reload()
        assert caught.value.kind is ErrorKind.INVALID_CONFIG
        assert caught.value.message.splitlines() == [
            "a.toml:3:7: no value after = (write one)",
            "b.toml:3:7: no value after = (write one)",
        ]
        assert daemon.state() is DaemonState.DEGRADED
        assert daemon.status("dummy").condition is Condition.IN_SYNC
        assert summary(daemon.snapshot) == "degraded: 2 in-sync; 2 errors in the configuration"
        daemon.catalog = replace(daemon.catalog, key="good", issues=())
        assert await daemon.reconciler.reload() == 4
        assert daemon.state() is DaemonState.CONVERGED

    play(scenario)


def test_a_compiler_that_dies_once_is_not_noticed(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.compiler_troubles = [lost()]
        daemon.declare(declare("other"))
        await daemon.second()
        assert daemon.compiled == 2
        assert daemon.status("other").condition is Condition.IN_SYNC

    play(scenario)


def test_without_a_compiler_the_old_catalog_stays_in_force_and_is_kept_up(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("other"))
        await daemon.second()
        daemon.compiler_troubles = [lost() for _ in range(100)]
        daemon.declare(declare("dummy"))
        with pytest.raises(KmoddError) as caught:
            await daemon.reconciler.reload()
        assert caught.value.kind is ErrorKind.COMPILER_LOST
        assert daemon.state() is DaemonState.DEGRADED
        assert daemon.snapshot.problem
        daemon.kernel.remove("other")
        await daemon.look(MODULES)
        assert daemon.kernel.present() == {"other"}
        daemon.compiler_troubles.clear()
        await asyncio.sleep(PAUSE_AFTER_PROBLEM_S)
        await daemon.second()
        assert daemon.kernel.present() == {"other", "dummy"}
        assert daemon.state() is DaemonState.CONVERGED
        assert not daemon.snapshot.problem

    play(scenario)


def test_a_broken_compiler_gives_no_failure_another_try(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=errno.EINVAL)]
        daemon.declare(declare("dummy"))
        await daemon.second()
        daemon.compiler_troubles = [lost() for _ in range(3 * COMPILER_TRIES)]
        await daemon.look(EVERYTHING)
        await asyncio.sleep(PAUSE_AFTER_PROBLEM_S)
        assert len(daemon.loader.begun()) == 1

    play(scenario)


def test_trouble_is_shown_once_and_ends_by_itself(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("other"))
        daemon.loader.refusals = [lost(ErrorKind.LOADER_LOST) for _ in range(3)]
        await daemon.second()
        assert daemon.state() is DaemonState.DEGRADED
        assert summary(daemon.snapshot) == "degraded: no modules declared; loader-lost for a test"
        await asyncio.sleep(PAUSE_AFTER_PROBLEM_S)
        assert len(daemon.shown) == 1
        await asyncio.sleep(3 * PAUSE_AFTER_PROBLEM_S)
        assert daemon.conditions() == {"other": Condition.IN_SYNC}
        assert not daemon.snapshot.problem

    play(scenario)


def test_who_asked_hears_of_trouble(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        daemon.declare(declare("other"))
        daemon.loader.refusals = [lost(ErrorKind.LOADER_LOST)]
        with pytest.raises(KmoddError) as caught:
            await daemon.reconciler.reload()
        assert caught.value.kind is ErrorKind.LOADER_LOST

    play(scenario)


@pytest.mark.parametrize("kind", [ErrorKind.NO_LIBKMOD, ErrorKind.NO_MODULE_SUPPORT])
def test_without_libkmod_a_start_ends(tmp_path: Path, kind: ErrorKind) -> None:
    async def whole() -> None:
        async with asyncio.TaskGroup() as group:
            daemon = SimulatedDaemon(group, tmp_path, TREE)
            daemon.declare(declare("other"))
            daemon.loader.refusals = [lost(kind)]

    with pytest.raises(ExceptionGroup) as caught:
        run(whole)
    assert caught.group_contains(KmoddError, match=kind.code)


def test_without_a_module_tree_everything_is_missing_and_nothing_is_touched(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("dummy")
        daemon.declare(declare("other"), declare("dummy"))
        daemon.loader.refusals = [lost(ErrorKind.NO_MODULE_TREE)]
        await daemon.second()
        assert daemon.conditions() == {"other": Condition.MISSING, "dummy": Condition.IN_SYNC}
        assert daemon.snapshot.problem == "no-module-tree for a test"
        assert not daemon.loader.journal
        (daemon.tree / "modules.dep.bin").write_text("installed")
        await daemon.look(Look(full=True))
        assert daemon.conditions() == {"other": Condition.IN_SYNC, "dummy": Condition.IN_SYNC}
        assert not daemon.snapshot.problem

    play(scenario)


def test_what_is_not_managed_is_never_touched(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("upper")
        daemon.kernel.insert("serial")
        instances = {name: daemon.kernel.instance(name) for name in daemon.kernel.present()}
        daemon.declare(declare("dummy"))
        await daemon.second()
        daemon.declare()
        await daemon.look(CONFIG)
        await daemon.look(EVERYTHING)
        assert daemon.loader.begun() == ["dummy"]  # and it stays when no file names it any more
        assert daemon.kernel.present() == instances.keys() | {"dummy"}
        assert {name: daemon.kernel.instance(name) for name in instances} == instances

    play(scenario)


def test_not_enforcing_only_reports(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.catalog = replace(daemon.catalog, settings=Settings(enforce=False))
        daemon.declare(declare("other"))
        await daemon.second()
        assert not daemon.loader.journal
        assert daemon.status("other").condition is Condition.LOADING
        daemon.catalog = replace(daemon.catalog, key="enforced", settings=Settings())
        await daemon.look(CONFIG)
        assert daemon.status("other").condition is Condition.IN_SYNC

    play(scenario)


def test_a_declaration_withdrawn_while_it_waits_is_not_carried_out(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.gates[ModuleName("base")] = asyncio.Event()
        daemon.declare(declare("upper"))
        await daemon.second()
        daemon.declare()
        await daemon.look(CONFIG)
        daemon.loader.gates[ModuleName("base")].set()
        await daemon.second()
        assert daemon.kernel.present() == {"base"}

    play(scenario)


def test_parameters_that_cannot_be_read_are_known_of_our_own_load_only(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(with_parameters("dummy", numdummies="3"))
        await daemon.second()
        assert daemon.status("dummy").condition is Condition.IN_SYNC
        request = daemon.loader.journal[0].request
        assert isinstance(request, LoadRequest)
        assert request.options == "numdummies=3"
        daemon.kernel.remove("dummy")
        daemon.kernel.insert("dummy", "numdummies=4")
        await daemon.look(MODULES)
        assert daemon.status("dummy").condition is Condition.UNVERIFIABLE

    play(scenario)


def test_a_parameter_written_by_somebody_is_drift(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(with_parameters("dummy", level="0x10"))
        await daemon.second()
        assert daemon.status("dummy").parameters == {"level": "16"}
        assert daemon.status("dummy").condition is Condition.IN_SYNC
        daemon.kernel.poke("dummy", "level", "7")
        await daemon.look(Look(parameters=frozenset((ModuleName("dummy"),))))
        (drift,) = daemon.status("dummy").drift
        assert (drift.parameter, drift.wanted, drift.found) == ("level", "0x10", "7")

    play(scenario)


def test_a_module_that_no_file_names_is_shown_while_it_is_there(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        assert await daemon.reconciler.include(ModuleName("dummy")) is None
        daemon.kernel.insert("dummy")
        status = await daemon.reconciler.include(ModuleName("dummy"))
        assert status is not None
        assert (status.condition, status.parameters) == (Condition.NOT_MANAGED, {"level": "0"})
        daemon.kernel.remove("dummy")
        await daemon.look(MODULES)
        assert "dummy" not in daemon.snapshot.statuses
        assert not daemon.loader.journal

    play(scenario)


def test_a_burst_of_hints_is_one_pass(play: Play) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        passes = len(daemon.shown)
        for _ in range(1000):
            daemon.trigger.notify(MODULES)
        await settle()
        assert len(daemon.shown) == passes + 1

    play(scenario)
