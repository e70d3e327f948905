"""Passes without a compiler, a loader, libkmod or a module tree, and with broken files."""

import asyncio
import errno
from pathlib import Path

import pytest

from kmodd.daemon.reconciler import COMPILER_TRIES, PAUSE_AFTER_PROBLEM_S
from kmodd.daemon.snapshot import summary
from kmodd.errors import ErrorKind, Kind, KmoddError
from kmodd.events.trigger import EVERYTHING, Look
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState, Issue, Location, Severity
from tests.support.clock import run
from tests.support.daemon import MODULES, TREE, SimulatedDaemon, declare, lost, play
from tests.support.simulated import Fault
from tests.support.simulated_kernel import SimulatedKernel


def error_in(file: str) -> Issue:
    return Issue(Severity.ERROR, "syntax", "no value after =", "write one", Location(file, 3, 7))


def test_reload_counts_catalogs_and_refuses_with_every_message(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("other"))
        assert await daemon.reconciler.reload() == 1
        assert await daemon.reconciler.reload() == 1
        daemon.declare(declare("other"), declare("dummy"))
        assert await daemon.reconciler.reload() == 2
        daemon.catalog = daemon.catalog._replace(key="bad", issues=(error_in("a.toml"), error_in("b.toml")))
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
        daemon.catalog = daemon.catalog._replace(key="good", issues=())
        assert await daemon.reconciler.reload() == 4
        assert daemon.state() is DaemonState.CONVERGED

    play(tmp_path, scenario)


def test_a_compiler_that_dies_once_is_not_noticed(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.compiler_troubles = [lost()]
        daemon.declare(declare("other"))
        await daemon.second()
        assert daemon.compiled == 2
        assert daemon.status("other").condition is Condition.IN_SYNC

    play(tmp_path, scenario)


def test_without_a_compiler_the_old_catalog_stays_in_force_and_is_kept_up(tmp_path: Path) -> None:
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

    play(tmp_path, scenario)


def test_a_broken_compiler_gives_no_failure_another_try(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=errno.EINVAL)]
        daemon.declare(declare("dummy"))
        await daemon.second()
        daemon.compiler_troubles = [lost() for _ in range(3 * COMPILER_TRIES)]
        await daemon.look(EVERYTHING)
        await asyncio.sleep(PAUSE_AFTER_PROBLEM_S)
        assert len(daemon.loader.begun()) == 1

    play(tmp_path, scenario)


def test_trouble_is_shown_once_and_ends_by_itself(tmp_path: Path) -> None:
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

    play(tmp_path, scenario)


def test_who_asked_hears_of_trouble(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        daemon.declare(declare("other"))
        daemon.loader.refusals = [lost(ErrorKind.LOADER_LOST)]
        with pytest.raises(KmoddError) as caught:
            await daemon.reconciler.reload()
        assert caught.value.kind is ErrorKind.LOADER_LOST

    play(tmp_path, scenario)


@pytest.mark.parametrize("kind", [ErrorKind.NO_LIBKMOD, ErrorKind.NO_MODULE_SUPPORT])
def test_without_libkmod_a_start_ends(tmp_path: Path, kind: Kind) -> None:
    async def whole() -> None:
        async with asyncio.TaskGroup() as group:
            daemon = SimulatedDaemon(group, tmp_path, SimulatedKernel(TREE))
            daemon.declare(declare("other"))
            daemon.loader.refusals = [lost(kind)]

    with pytest.raises(ExceptionGroup) as caught:
        run(whole)
    assert caught.group_contains(KmoddError, match=kind.code)


@pytest.mark.shows("fault: no tree")
def test_without_a_module_tree_everything_is_missing_and_nothing_is_touched(tmp_path: Path) -> None:
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

    play(tmp_path, scenario)
