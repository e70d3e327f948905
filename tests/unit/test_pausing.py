"""Pause and Resume, and Retry, on a simulated kernel."""

import asyncio
import errno
from pathlib import Path

import pytest

from kmodd.daemon.snapshot import summary
from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.trigger import Look
from kmodd.model import Settings
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState
from tests.support.daemon import CONFIG, MODULES, SimulatedDaemon, declare, play, with_parameters
from tests.support.simulated import Fault

DUMMY, BASE = ModuleName("dummy"), ModuleName("base")


def test_while_paused_it_is_looked_and_nothing_is_done(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(with_parameters("dummy", level="2"))
        await daemon.second()
        await daemon.facade.pause(paused=True)
        assert (daemon.facade.paused, daemon.facade.enforcing) == (True, True)
        assert daemon.state() is DaemonState.PAUSED
        performed = list(daemon.loader.journal)
        daemon.kernel.poke("dummy", "level", "5")
        daemon.declare(with_parameters("dummy", level="2"), declare("other"))
        await daemon.look(CONFIG | Look(parameters=frozenset((DUMMY,))))
        assert daemon.loader.journal == performed
        assert daemon.status("dummy").condition is Condition.DRIFTED
        assert daemon.status("other").message == "to be loaded; but kmodd is paused by a call"
        assert [row.module for row in await daemon.facade.plan()] == ["dummy", "other"]
        assert await daemon.facade.reconcile() == ()
        assert not daemon.facade.converged
        assert summary(daemon.snapshot).startswith("paused: ")
        await daemon.facade.pause(paused=False)
        await daemon.second()
        assert daemon.kernel.value("dummy", "level") == "2"
        assert daemon.status("other").condition is Condition.IN_SYNC
        assert (daemon.facade.paused, daemon.state()) == (False, DaemonState.CONVERGED)

    play(tmp_path, scenario)


def test_while_paused_the_generated_file_stays_as_it_is(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(with_parameters("dummy", level="2"))
        await daemon.second()
        text = daemon.modprobe_file.read_text()
        await daemon.facade.pause(paused=True)
        daemon.declare(with_parameters("dummy", level="3"))
        await daemon.look(CONFIG)
        assert daemon.modprobe_file.read_text() == text
        await daemon.facade.pause(paused=False)
        await daemon.second()
        assert "level=3" in daemon.modprobe_file.read_text()

    play(tmp_path, scenario)


def test_what_has_begun_goes_on_and_what_has_not_does_not_begin(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.gates[BASE] = asyncio.Event()
        daemon.declare(declare("upper"))
        await daemon.second()
        await daemon.facade.pause(paused=True)
        daemon.loader.gates[BASE].set()
        await daemon.second()
        assert daemon.kernel.present() == {"base"}
        await daemon.facade.pause(paused=False)
        await daemon.second()
        assert daemon.kernel.present() == {"base", "upper"}

    play(tmp_path, scenario)


def test_a_restart_goes_on_as_it_was(tmp_path: Path) -> None:
    async def paused(daemon: SimulatedDaemon) -> None:
        await daemon.facade.pause(paused=True)

    async def still(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("dummy"))
        await daemon.second()
        assert daemon.facade.paused
        assert not daemon.kernel.present()
        await daemon.facade.pause(paused=False)

    async def no_more(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("dummy"))
        await daemon.second()
        assert not daemon.facade.paused
        assert daemon.kernel.present() == {"dummy"}

    for scenario in (paused, still, no_more):
        play(tmp_path, scenario)


@pytest.mark.shows("P12")
def test_a_switch_outweighs_resume(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.catalog = daemon.catalog._replace(settings=Settings(enforce=False))
        daemon.declare(declare("dummy"))
        await daemon.facade.pause(paused=True)
        await daemon.facade.pause(paused=False)
        await daemon.second()
        assert not daemon.loader.journal
        assert daemon.status("dummy").message.endswith("but kmodd only reports")
        assert not daemon.facade.enforcing

    play(tmp_path, scenario)


def test_pausing_that_cannot_be_kept_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def scenario(daemon: SimulatedDaemon) -> None:
        monkeypatch.setattr("kmodd.daemon.enforcement.write_atomically", full)
        with pytest.raises(KmoddError) as caught:
            await daemon.facade.pause(paused=True)
        assert caught.value.kind is ErrorKind.STATE_NOT_WRITABLE
        assert not daemon.facade.paused

    play(tmp_path, scenario)


@pytest.mark.parametrize("error", [errno.EINVAL, errno.EBUSY, errno.ENODEV])
def test_retry_tries_what_failed_at_once_and_nothing_else(tmp_path: Path, error: int) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults = {n: [Fault(error=error)] for n in (DUMMY, ModuleName("other"))}
        daemon.declare(declare("dummy"), declare("other"))
        await daemon.second()
        await asyncio.sleep(3000)  # by now it waits for minutes, if it waits for the clock at all
        tries = daemon.loader.begun().count(ModuleName("other"))
        daemon.loader.faults[DUMMY] = [Fault()]
        await daemon.facade.retry(DUMMY)
        await daemon.second()
        assert daemon.status("dummy").condition is Condition.IN_SYNC
        assert daemon.loader.begun().count(ModuleName("other")) == tries

    play(tmp_path, scenario)


def test_retry_does_again_at_once_what_others_undo(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("dummy"))
        await daemon.second()
        for _ in range(12):
            await daemon.until(lambda: "dummy" in daemon.kernel.present())
            daemon.kernel.remove("dummy")
            await daemon.look(MODULES)
        assert daemon.status("dummy").condition is Condition.BACKING_OFF
        await daemon.facade.retry(DUMMY)
        await daemon.second()
        assert daemon.status("dummy").condition is Condition.IN_SYNC

    play(tmp_path, scenario)


def test_only_what_is_managed_can_be_retried(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        daemon.kernel.insert("dummy")
        await daemon.facade.get_module(DUMMY)
        for name in (DUMMY, BASE):
            with pytest.raises(KmoddError) as caught:
                await daemon.facade.retry(name)
            assert caught.value.kind is ErrorKind.NOT_FOUND

    play(tmp_path, scenario)
