"""Passes on a simulated kernel, from the catalog to what is shown; time passes only when nothing happens."""

import asyncio
import errno
from pathlib import Path

import pytest

from kmodd.daemon.snapshot import needs_somebody, summary
from kmodd.events.trigger import EVERYTHING, Look
from kmodd.model import LoadRequest, Settings
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState, Drift, ModuleState
from tests.support.clock import settle
from tests.support.daemon import CONFIG, MODULES, SimulatedDaemon, declare, play, with_parameters
from tests.support.simulated import Fault


def test_what_files_declare_is_loaded_with_what_it_needs_and_shown_as_read_back(tmp_path: Path) -> None:
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

    play(tmp_path, scenario)


@pytest.mark.shows("P1")
def test_a_second_pass_makes_no_kernel_call(tmp_path: Path) -> None:
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

    play(tmp_path, scenario)


def test_what_somebody_removes_comes_back(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("dummy"))
        await daemon.second()
        before = daemon.kernel.instance(ModuleName("dummy"))
        daemon.kernel.remove("dummy")
        await daemon.look(MODULES)
        assert daemon.status("dummy").state is ModuleState.LOADED
        assert daemon.kernel.instance(ModuleName("dummy")) != before

    play(tmp_path, scenario)


def test_what_no_event_told_is_found_by_the_resync(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.catalog = daemon.catalog._replace(settings=Settings(resync_interval_s=60.0))
        daemon.declare(declare("dummy"))
        await daemon.second()
        daemon.kernel.remove("dummy")
        await daemon.second()
        assert not daemon.kernel.present()
        await asyncio.sleep(60)
        assert daemon.kernel.present() == {"dummy"}

    play(tmp_path, scenario)


def test_the_resync_looks_at_files_too_and_other_passes_do_not_put_it_off(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.catalog = daemon.catalog._replace(settings=Settings(resync_interval_s=60.0))
        daemon.declare(declare("dummy"))
        await daemon.second()
        daemon.declare(declare("dummy"), declare("other"))
        for _ in range(6):
            assert "other" not in daemon.kernel.present()
            await asyncio.sleep(10)
            await daemon.look(MODULES)
        assert "other" in daemon.kernel.present()
        assert daemon.compiled == 2

    play(tmp_path, scenario)


def test_nothing_declared_means_no_timer(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        passes = len(daemon.shown)
        await asyncio.sleep(1e6)
        assert len(daemon.shown) == passes
        assert summary(daemon.snapshot) == "converged: no modules declared"

    play(tmp_path, scenario)


def test_reconcile_returns_what_came_of_each_action(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("base")] = [Fault(error=errno.EINVAL)]
        daemon.declare(declare("upper"), declare("other"))
        rows = await daemon.reconciler.reconcile()
        assert sorted((row.module, row.outcome) for row in rows) == [
            ("base", "failed"),
            ("other", "done"),
            ("upper", "blocked"),
        ]
        assert needs_somebody(daemon.snapshot)
        assert not needs_somebody(daemon.snapshot._replace(enforcing=False)), "it was asked only to report"
        assert await daemon.reconciler.reconcile() == ()
        assert daemon.finishes == [rows]

    play(tmp_path, scenario)


def test_reconcile_does_not_wait_for_what_is_slow(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.gates[ModuleName("base")] = asyncio.Event()
        daemon.declare(declare("upper"), declare("other"))
        rows = await daemon.reconciler.reconcile()
        assert [(row.module, row.outcome) for row in rows] == [("other", "done")]
        await daemon.second()
        assert daemon.status("base").condition is Condition.LOADING_SLOW
        assert daemon.status("upper").condition is Condition.LOADING
        assert daemon.state() is DaemonState.DEGRADED
        assert not needs_somebody(daemon.snapshot), "it may pass by itself, so a single run does not fail"
        daemon.loader.gates[ModuleName("base")].set()
        await daemon.second()
        assert daemon.state() is DaemonState.CONVERGED
        assert daemon.kernel.present() == {"base", "upper", "other"}

    play(tmp_path, scenario)


@pytest.mark.shows("P3")
def test_what_is_done_is_shown_while_another_load_hangs(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.gates[ModuleName("base")] = asyncio.Event()
        daemon.declare(declare("base"), declare("other"))
        daemon.trigger.notify(EVERYTHING)
        await daemon.until(lambda: daemon.conditions().get("other") is Condition.IN_SYNC)
        assert daemon.status("base").condition is Condition.LOADING
        daemon.loader.gates[ModuleName("base")].set()

    play(tmp_path, scenario)


def test_plan_changes_nothing(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.catalog = daemon.catalog._replace(settings=Settings(enforce=False))
        daemon.declare(declare("upper"))
        await daemon.second()
        plan = await daemon.reconciler.plan()
        assert [step.row.module for step in plan.steps] == ["base", "upper"]
        assert plan.steps[0].reason == "needed by upper"
        assert not daemon.loader.journal
        assert not daemon.snapshot.converged

    play(tmp_path, scenario)


@pytest.mark.shows("P9")
def test_what_is_not_managed_is_never_touched(tmp_path: Path) -> None:
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

    play(tmp_path, scenario)


def test_not_enforcing_only_reports_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.catalog = daemon.catalog._replace(settings=Settings(enforce=False))
        daemon.declare(declare("other"))
        await daemon.second()
        assert not daemon.loader.journal
        assert daemon.status("other").condition is Condition.LOADING
        await daemon.look(MODULES)
        assert caplog.text.count("kmodd only reports and changes nothing: enforce = false in kmodd.toml") == 1
        daemon.catalog = daemon.catalog._replace(key="enforced", settings=Settings())
        await daemon.look(CONFIG)
        assert daemon.status("other").condition is Condition.IN_SYNC

    play(tmp_path, scenario)


def test_a_declaration_withdrawn_while_it_waits_is_not_carried_out(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.gates[ModuleName("base")] = asyncio.Event()
        daemon.declare(declare("upper"))
        await daemon.second()
        daemon.declare()
        await daemon.look(CONFIG)
        daemon.loader.gates[ModuleName("base")].set()
        await daemon.second()
        assert daemon.kernel.present() == {"base"}

    play(tmp_path, scenario)


def test_parameters_that_cannot_be_read_are_known_of_our_own_load_only(tmp_path: Path) -> None:
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

    play(tmp_path, scenario)


def test_what_one_reading_overlooks_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc/modules is read in pages, and what goes in between can hide another line."""

    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(with_parameters("dummy", numdummies="3"))
        await daemon.second()
        with monkeypatch.context() as overlooked:
            overlooked.setattr(daemon.kernel, "modules", lambda _only=None: {})
            await daemon.look(MODULES)
            assert not daemon.snapshot.converged
        await daemon.look(MODULES)
        assert daemon.status("dummy").condition is Condition.IN_SYNC

    play(tmp_path, scenario)


def test_a_parameter_written_by_somebody_is_written_back(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(with_parameters("dummy", level="0x10"))
        await daemon.second()
        assert daemon.status("dummy").parameters == {"level": "16"}
        assert daemon.status("dummy").condition is Condition.IN_SYNC
        daemon.kernel.poke("dummy", "level", "7")
        await daemon.look(Look(parameters=frozenset((ModuleName("dummy"),))))
        shown = [seen.statuses[ModuleName("dummy")].drift for seen in daemon.shown if seen.statuses]
        assert (Drift("level", "0x10", "7"),) in shown
        assert daemon.kernel.value("dummy", "level") == "16"
        assert daemon.status("dummy").condition is Condition.IN_SYNC

    play(tmp_path, scenario)


def test_a_module_that_no_file_names_is_shown_while_it_is_there(tmp_path: Path) -> None:
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

    play(tmp_path, scenario)


def test_a_burst_of_hints_is_one_pass(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        passes = len(daemon.shown)
        for _ in range(1000):
            daemon.trigger.notify(MODULES)
        await settle()
        assert len(daemon.shown) == passes + 1

    play(tmp_path, scenario)
