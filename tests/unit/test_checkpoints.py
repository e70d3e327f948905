"""Checkpoints on a simulated kernel: what is taken back, by whom, and what is not."""

import asyncio
import errno
from pathlib import Path

import pytest

from kmodd.action import ActionKind
from kmodd.core.memory import Crash
from kmodd.daemon.snapshot import needs_somebody
from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.trigger import EVERYTHING, Look
from kmodd.model import Desired, ParameterPolicy, Settings, UnloadRequest, User
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState, ModuleState
from tests.support.config_tree import drop
from tests.support.daemon import CONFIG, MODULES, SimulatedDaemon, declare, play, with_parameters
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated import Fault
from tests.support.simulated_kernel import SimulatedKernel, module

DUMMY, BASE, UPPER, OTHER = map(ModuleName, ("dummy", "base", "upper", "other"))
TREE = (
    module("base"),
    module("upper", "base"),
    module("other"),
    module("fixed", size=KernelParameter(mode=0o444), level=KernelParameter()),
    module("hidden", size=KernelParameter(mode=0)),
    module("dummy", numdummies=KernelParameter(mode=0), level=KernelParameter()),
    module("core", builtin=True, level=KernelParameter()),
)


async def refused(call: object) -> KmoddError:
    """The error that a call ends with."""
    with pytest.raises(KmoddError) as caught:
        await call  # type: ignore[misc]
    return caught.value


async def changed(daemon: SimulatedDaemon, *declarations: object) -> None:
    """The files say something else, and all is done about it."""
    daemon.declare(*declarations)  # type: ignore[arg-type]
    await daemon.look(CONFIG)


async def rolled_back(daemon: SimulatedDaemon, checkpoint: str) -> None:
    """A call, and everything that comes of it."""
    await daemon.facade.roll_back(checkpoint)
    await daemon.second()


def test_what_kmodd_loaded_is_taken_out_again_with_what_it_needed(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await changed(daemon, declare("other"))
        checkpoint = await daemon.facade.create_checkpoint(60)
        await changed(daemon, declare("other"), declare("upper"))
        assert daemon.kernel.present() == {"base", "upper", "other"}
        other = daemon.kernel.instance(OTHER)
        await rolled_back(daemon, checkpoint)
        assert daemon.kernel.present() == {"other"}
        assert daemon.kernel.instance(OTHER) == other
        assert daemon.loader.begun()[-2:] == ["upper", "base"]

    play(tmp_path, scenario, TREE)


def test_what_kmodd_took_out_is_loaded_again_with_the_parameters_it_had(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("upper")
        daemon.kernel.insert("fixed", "size=7 level=2")
        daemon.kernel.poke("fixed", "level", "5")
        daemon.kernel.insert("hidden", "size=3")
        checkpoint = await daemon.facade.create_checkpoint(60)
        out = [declare(name, Desired.DENIED) for name in ("base", "upper", "fixed", "hidden")]
        await changed(daemon, *out)
        assert daemon.kernel.present() == set()
        await rolled_back(daemon, checkpoint)
        assert daemon.kernel.present() == {"base", "upper", "fixed", "hidden"}
        assert (daemon.kernel.value("fixed", "size"), daemon.kernel.value("fixed", "level")) == ("7", "5")
        assert daemon.kernel.value("hidden", "size") == "0"  # nobody could know

    play(tmp_path, scenario, TREE)


def test_what_kmodd_had_set_itself_is_set_again_although_nobody_can_read_it(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await changed(daemon, with_parameters("hidden", size="4"))
        await changed(daemon)  # no file names it any more: it stays
        checkpoint = await daemon.facade.create_checkpoint(60)
        await changed(daemon, declare("hidden", Desired.UNLOADED))
        assert daemon.kernel.present() == set()
        await rolled_back(daemon, checkpoint)
        assert daemon.kernel.value("hidden", "size") == "4"

    play(tmp_path, scenario, TREE)


def test_parameters_that_kmodd_wrote_are_written_back_and_no_others(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("fixed", "level=2")
        daemon.kernel.poke("core", "level", "8")
        instance = daemon.kernel.instance(ModuleName("fixed"))
        checkpoint = await daemon.facade.create_checkpoint(60)
        await changed(daemon, with_parameters("fixed", level="9"), with_parameters("core", level="9"))
        assert (daemon.kernel.value("fixed", "level"), daemon.kernel.value("core", "level")) == ("9", "9")
        await rolled_back(daemon, checkpoint)
        assert (daemon.kernel.value("fixed", "level"), daemon.kernel.value("core", "level")) == ("2", "8")
        assert daemon.kernel.instance(ModuleName("fixed")) == instance

    play(tmp_path, scenario, TREE)


def test_a_reload_is_taken_back_by_another(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("fixed", "size=3 level=2")
        checkpoint = await daemon.facade.create_checkpoint(60)
        reloaded = with_parameters("fixed", size="8")._replace(on_parameter_change=ParameterPolicy.RELOAD)
        await changed(daemon, reloaded)
        assert (daemon.kernel.value("fixed", "size"), daemon.kernel.value("fixed", "level")) == ("8", "0")
        await rolled_back(daemon, checkpoint)
        assert (daemon.kernel.value("fixed", "size"), daemon.kernel.value("fixed", "level")) == ("3", "2")

    play(tmp_path, scenario, TREE)


def test_what_others_did_meanwhile_stays(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("fixed", "level=2")
        checkpoint = await daemon.facade.create_checkpoint(60)
        daemon.kernel.insert("dummy", "level=3")
        await changed(daemon, declare("other"), with_parameters("fixed", level="9"))
        daemon.kernel.remove("other")
        daemon.kernel.insert("other")
        kept = daemon.kernel.instance(OTHER), daemon.kernel.instance(DUMMY)
        await rolled_back(daemon, checkpoint)
        assert daemon.kernel.present() == {"fixed", "dummy", "other"}
        assert (daemon.kernel.instance(OTHER), daemon.kernel.instance(DUMMY)) == kept
        assert (daemon.kernel.value("dummy", "level"), daemon.kernel.value("fixed", "level")) == ("3", "2")

    play(tmp_path, scenario, TREE)


def test_the_old_files_stay_in_force_until_these_say_something_else(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await changed(daemon, declare("dummy"))
        checkpoint = await daemon.facade.create_checkpoint(60)
        await changed(daemon, declare("dummy", Desired.UNLOADED), declare("other"))
        await rolled_back(daemon, checkpoint)
        assert daemon.kernel.present() == {"dummy"}
        assert daemon.state() is DaemonState.DEGRADED
        assert daemon.facade.config_issues[-1].message.startswith("a rollback keeps what the files say from")
        assert needs_somebody(daemon.snapshot)
        for look in (CONFIG, EVERYTHING, MODULES):
            await daemon.look(look)
            assert daemon.kernel.present() == {"dummy"}
        assert (await refused(daemon.facade.set_override(OTHER, {}))).kind is ErrorKind.BUSY
        assert (await refused(daemon.facade.clear_override(OTHER))).kind is ErrorKind.BUSY
        await changed(daemon, declare("base"))
        assert daemon.kernel.present() == {"dummy", "base"}
        assert daemon.state() is DaemonState.CONVERGED

    play(tmp_path, scenario, TREE)


def test_reload_puts_the_files_in_force(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        checkpoint = await daemon.facade.create_checkpoint(60)
        await changed(daemon, declare("other"))
        await rolled_back(daemon, checkpoint)
        assert daemon.kernel.present() == set()
        await daemon.facade.reload()
        await daemon.second()
        assert daemon.kernel.present() == {"other"}
        assert daemon.state() is DaemonState.CONVERGED

    play(tmp_path, scenario, TREE)


def test_a_restart_holds_them_too(tmp_path: Path) -> None:
    async def first(daemon: SimulatedDaemon) -> None:
        checkpoint = await daemon.facade.create_checkpoint(60)
        await changed(daemon, declare("other"))
        await rolled_back(daemon, checkpoint)

    async def second(daemon: SimulatedDaemon) -> None:
        await changed(daemon, declare("other"))
        assert daemon.kernel.present() == set()
        assert daemon.state() is DaemonState.DEGRADED
        await changed(daemon, declare("base"))
        assert daemon.kernel.present() == {"base"}

    async def third(daemon: SimulatedDaemon) -> None:
        await changed(daemon, declare("other"))
        assert daemon.kernel.present() == {"other"}

    for scenario in (first, second, third):
        play(tmp_path, scenario, TREE)


def test_time_rolls_it_back_by_itself_and_nothing_is_awake_until_then(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        await daemon.facade.create_checkpoint(3600)
        await changed(daemon, declare("other"))
        await asyncio.sleep(3000)
        assert daemon.kernel.present() == {"other"}
        await asyncio.sleep(700)
        assert daemon.kernel.present() == set()
        assert await daemon.facade.create_checkpoint(1)

    play(tmp_path, scenario, TREE)


def test_what_is_committed_stays(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        checkpoint = await daemon.facade.create_checkpoint(60)
        await changed(daemon, declare("other"))
        await daemon.facade.commit(checkpoint)
        await asyncio.sleep(1000)
        assert daemon.kernel.present() == {"other"}
        for call in (daemon.facade.commit, daemon.facade.roll_back):
            assert (await refused(call(checkpoint))).kind is ErrorKind.NOT_FOUND

    play(tmp_path, scenario, TREE)
    assert list(tmp_path.glob("checkpoint*")) == []


def test_overrides_and_pause_are_as_they_were(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.reads_files = True
        drop(daemon.files.directories[0], "10.toml", "[module.dummy]\n")
        await daemon.facade.set_override(DUMMY, {"parameters": {"level": 2}})
        await daemon.second()
        kept = daemon.override_files.kept()
        checkpoint = await daemon.facade.create_checkpoint(60)
        await daemon.facade.set_override(DUMMY, {"parameters": {"level": 9}})
        await daemon.facade.set_override(OTHER, {})
        await daemon.second()
        await daemon.facade.pause(paused=True)
        assert daemon.kernel.value("dummy", "level") == "9"
        await rolled_back(daemon, checkpoint)
        assert daemon.override_files.kept() == kept
        assert not daemon.facade.paused
        assert daemon.kernel.present() == {"dummy"}
        assert daemon.kernel.value("dummy", "level") == "2"
        assert daemon.state() is DaemonState.CONVERGED

    play(tmp_path, scenario, TREE)


def test_who_was_paused_is_paused_again_and_what_was_done_in_between_is_taken_back(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await changed(daemon, declare("other"))
        await daemon.facade.pause(paused=True)
        daemon.kernel.remove("other")
        checkpoint = await daemon.facade.create_checkpoint(60)
        await changed(daemon, declare("dummy"))
        await daemon.facade.pause(paused=False)
        await daemon.second()
        assert daemon.kernel.present() == {"dummy"}
        await rolled_back(daemon, checkpoint)
        assert daemon.facade.paused
        assert daemon.kernel.present() == set()

    play(tmp_path, scenario, TREE)


def test_what_resuming_alone_has_done_is_taken_back_too(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.facade.pause(paused=True)
        await changed(daemon, declare("other"))
        checkpoint = await daemon.facade.create_checkpoint(60)
        await daemon.facade.pause(paused=False)
        await daemon.second()
        assert daemon.kernel.present() == {"other"}
        await rolled_back(daemon, checkpoint)
        assert daemon.kernel.present() == set()
        assert daemon.state() is DaemonState.PAUSED

    play(tmp_path, scenario, TREE)


def test_what_the_files_wanted_before_is_no_change(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await changed(daemon, declare("other"))
        checkpoint = await daemon.facade.create_checkpoint(60)
        daemon.kernel.remove("other")
        await daemon.look(MODULES)
        healed = daemon.kernel.instance(OTHER)
        await changed(daemon, declare("other"), declare("dummy"))
        await rolled_back(daemon, checkpoint)
        assert daemon.kernel.present() == {"other"}
        assert daemon.kernel.instance(OTHER) == healed

    play(tmp_path, scenario, TREE)


@pytest.mark.parametrize("timeout_s", [0, 86_401, 2**32 - 1])
def test_a_time_that_cannot_be_meant_is_refused(tmp_path: Path, timeout_s: int) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        error = await refused(daemon.facade.create_checkpoint(timeout_s))
        assert error.kind is ErrorKind.INVALID_ARGUMENT

    play(tmp_path, scenario, TREE)


def test_there_is_one_at_a_time(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        checkpoint = await daemon.facade.create_checkpoint(86_400)
        error = await refused(daemon.facade.create_checkpoint(5))
        assert (error.kind, checkpoint in error.message) == (ErrorKind.BUSY, True)
        for unknown in ("", "x\n", checkpoint.upper() + "0"):
            assert (await refused(daemon.facade.roll_back(unknown))).kind is ErrorKind.NOT_FOUND
        await daemon.facade.roll_back(checkpoint)

    play(tmp_path, scenario, TREE)


def test_what_is_in_use_is_said_and_left_and_the_rest_is_taken_back(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        checkpoint = await daemon.facade.create_checkpoint(60)
        await changed(daemon, declare("upper"), declare("other"), declare("dummy"))
        daemon.kernel.use("upper")
        daemon.loader.known_users[OTHER] = (User("interface", "interface eth7 (up)"),)
        error = await refused(daemon.facade.roll_back(checkpoint))
        assert error.kind is ErrorKind.IN_USE
        for said in (
            "upper: it is in use by unattributed: 1",
            "base: it is in use by upper",
            "other: it is in use by interface eth7 (up)",
        ):
            assert said in error.message
        await daemon.second()
        assert daemon.kernel.present() == {"base", "upper", "other"}
        assert daemon.state() is DaemonState.DEGRADED
        unloads = [m.request.module for m in daemon.loader.journal if isinstance(m.request, UnloadRequest)]
        assert set(unloads) == {DUMMY}
        await daemon.facade.reload()
        assert daemon.state() is not DaemonState.DEGRADED

    play(tmp_path, scenario, TREE)


def test_what_fails_on_the_way_back_is_said_and_not_tried_for_ever(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("fixed", "size=3")
        checkpoint = await daemon.facade.create_checkpoint(60)
        await changed(daemon, declare("fixed", Desired.UNLOADED))
        daemon.loader.faults[ModuleName("fixed")] = [Fault(error=errno.EBUSY)]
        error = await refused(daemon.facade.roll_back(checkpoint))
        assert "fixed: init-error" in error.message
        tries = len(daemon.loader.journal)
        await asyncio.sleep(1000)
        assert len(daemon.loader.journal) == tries

    play(tmp_path, scenario, TREE)


def test_what_hangs_is_said_and_holds_nothing_up(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        checkpoint = await daemon.facade.create_checkpoint(600)
        daemon.loader.gates[BASE] = asyncio.Event()
        await changed(daemon, declare("base"), declare("other"))
        error = await refused(daemon.facade.roll_back(checkpoint))
        assert "base: an action on it is under way" in error.message
        assert "other" not in daemon.kernel.present()
        daemon.loader.gates[BASE].set()

    play(tmp_path, scenario, TREE)


def test_what_is_just_coming_is_waited_for(tmp_path: Path) -> None:
    """A load whose kmodd was killed goes on in a process of its own."""
    kernel = SimulatedKernel(TREE)

    async def killed(daemon: SimulatedDaemon) -> None:
        await daemon.facade.create_checkpoint(600)
        await changed(daemon, declare("other"))
        kernel.set_state("other", ModuleState.LOADING)

    async def next_one(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("other"))
        await daemon.second()
        await daemon.second()
        assert daemon.kernel.present() == {"other"}
        kernel.set_state("other", ModuleState.LOADED)
        await daemon.until(lambda: not daemon.kernel.present(), 5.0)

    play(tmp_path, killed, kernel=kernel)
    play(tmp_path, next_one, kernel=kernel)


def test_what_is_quarantined_is_not_brought_back(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("other")
        checkpoint = await daemon.facade.create_checkpoint(600)
        await changed(daemon, declare("other", Desired.UNLOADED))
        daemon.store.remember_crash(OTHER, Crash(ActionKind.LOAD))
        error = await refused(daemon.facade.roll_back(checkpoint))
        assert "other: oops" in error.message
        assert daemon.kernel.present() == set()

    play(tmp_path, scenario, TREE)


@pytest.mark.shows("P12")
def test_a_kill_switch_outweighs_the_way_back(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        checkpoint = await daemon.facade.create_checkpoint(60)
        await changed(daemon, declare("other"))
        daemon.catalog = daemon.catalog._replace(settings=Settings(enforce=False))
        await daemon.look(CONFIG)
        performed = len(daemon.loader.journal)
        error = await refused(daemon.facade.roll_back(checkpoint))
        assert "kmodd only reports: enforce = false in kmodd.toml" in error.message
        await asyncio.sleep(100)
        assert len(daemon.loader.journal) == performed
        assert not daemon.facade.enforcing

    play(tmp_path, scenario, TREE)


def test_without_room_to_keep_it_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def scenario(daemon: SimulatedDaemon) -> None:
        with monkeypatch.context() as patched:
            patched.setattr("kmodd.config.store.write_atomically", full)
            error = await refused(daemon.facade.create_checkpoint(60))
        assert (error.kind, "No space left" in error.message) == (ErrorKind.STATE_NOT_WRITABLE, True)
        checkpoint = await daemon.facade.create_checkpoint(60)
        with monkeypatch.context() as patched:
            patched.setattr("kmodd.config.store.write_atomically", full)
            await changed(daemon, declare("other"))
            assert daemon.kernel.present() == set()  # what cannot be noted is not done
        await daemon.until(lambda: "other" in daemon.kernel.present())
        with monkeypatch.context() as patched:  # and the way back needs no room
            patched.setattr("kmodd.config.store.write_atomically", full)
            await rolled_back(daemon, checkpoint)
            assert daemon.kernel.present() == set()

    play(tmp_path, scenario, TREE)


def test_a_plan_that_has_not_begun_is_given_up(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        checkpoint = await daemon.facade.create_checkpoint(60)
        daemon.loader.gates[BASE] = asyncio.Event()
        await changed(daemon, declare("upper"))
        back = asyncio.ensure_future(daemon.facade.roll_back(checkpoint))
        await daemon.second()
        daemon.loader.gates[BASE].set()
        await back
        assert daemon.loader.begun() == ["base", "base"]
        assert daemon.kernel.present() == set()

    play(tmp_path, scenario, TREE)


def test_a_lost_compiler_keeps_nobody_from_the_way_back(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        checkpoint = await daemon.facade.create_checkpoint(60)
        await changed(daemon, declare("other"))
        lost = KmoddError(ErrorKind.COMPILER_LOST, "gone")
        daemon.compiler_troubles = [lost] * 4
        await daemon.facade.roll_back(checkpoint)
        assert daemon.kernel.present() == set()
        await asyncio.sleep(1000)
        assert daemon.kernel.present() == set()
        assert daemon.state() is DaemonState.DEGRADED

    play(tmp_path, scenario, TREE)


def test_what_was_pending_from_before_is_not_taken_back(tmp_path: Path) -> None:
    """The files wanted it before the checkpoint; that it was done only afterwards changes nothing."""

    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[OTHER] = [Fault(error=errno.EBUSY)] * 3 + [Fault()]
        daemon.declare(declare("other"))
        checkpoint = await daemon.facade.create_checkpoint(600)
        await daemon.until(lambda: daemon.conditions().get(OTHER) is Condition.IN_SYNC)
        instance = daemon.kernel.instance(OTHER)
        await rolled_back(daemon, checkpoint)
        assert daemon.kernel.instance(OTHER) == instance
        assert daemon.state() is DaemonState.CONVERGED

    play(tmp_path, scenario, TREE)


def test_reconcile_waits_for_the_way_back_and_its_pass(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await changed(daemon, declare("dummy"))
        checkpoint = await daemon.facade.create_checkpoint(600)
        await changed(daemon, declare("dummy", Desired.UNLOADED))
        back = asyncio.ensure_future(daemon.facade.roll_back(checkpoint))
        await asyncio.sleep(0)
        await daemon.facade.reconcile()
        assert daemon.kernel.present() == {"dummy"}
        await back

    play(tmp_path, scenario, TREE)


def test_no_look_is_lost_for_what_was_touched_without_a_file(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        checkpoint = await daemon.facade.create_checkpoint(600)
        daemon.kernel.insert("fixed", "size=2 level=1")
        await changed(daemon, with_parameters("fixed", level="4"))
        await daemon.look(Look(full=True))
        await rolled_back(daemon, checkpoint)
        assert daemon.kernel.value("fixed", "level") == "1"

    play(tmp_path, scenario, TREE)
