"""The crash guard on a simulated machine: crashes, power cuts, and ends as they should be."""

import asyncio
import errno
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kmodd.action import ActionKind
from kmodd.daemon.crash_guard import SAFE_MODE
from kmodd.daemon.intent_files import GuardFiles
from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.trigger import Look
from kmodd.intent import Intent
from kmodd.kernel.proc_stat import start_ticks
from kmodd.model import Desired, LoadRequest
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState, ModuleState
from tests.support.boots import SimulatedMachine
from tests.support.daemon import CONFIG, TREE, SimulatedDaemon, declare, with_parameters
from tests.support.simulated import Fault

BASE, OTHER, DUMMY, UPPER, SERIAL = map(ModuleName, ("base", "other", "dummy", "upper", "serial"))
PANIC = ("<0>[ 1.0] Kernel panic - not syncing: no", "<4>[ 1.0]  init_module+0x1/0x2 [other]")
FULL = Look(full=True)


@pytest.fixture
def machine(tmp_path: Path) -> SimulatedMachine:
    """A machine that has never been booted."""
    return SimulatedMachine(tmp_path)


def holding(daemon: SimulatedDaemon, *names: ModuleName) -> None:
    """Loads of these modules do not come to an end."""
    daemon.loader.gates.update({name: asyncio.Event() for name in names})


async def begin(daemon: SimulatedDaemon, *names: str) -> None:
    """Declare these, and see what can be done at once."""
    daemon.declare(*map(declare, names))
    await daemon.look(CONFIG)


def go_down_during(machine: SimulatedMachine, *names: str, declared: tuple[str, ...] = ()) -> None:
    """A boot that ends without power while ``names`` are being loaded."""

    async def scenario(daemon: SimulatedDaemon) -> None:
        holding(daemon, *map(ModuleName, names))
        await begin(daemon, *(declared or names))
        machine.go_down()

    machine.boot(scenario)


def open_intents(machine: SimulatedMachine) -> list[str]:
    """Names of the files of intents."""
    return sorted(os.listdir(machine.state / "intents"))


def test_an_intent_is_there_before_and_gone_after(machine: SimulatedMachine) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        holding(daemon, OTHER)
        await begin(daemon, "base", "other")
        assert open_intents(machine) == ["other.load.json"]
        daemon.loader.gates[OTHER].set()
        await daemon.second()
        assert open_intents(machine) == []

    machine.boot(scenario)


def test_a_failed_load_leaves_no_intent(machine: SimulatedMachine) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[OTHER] = [Fault(error=errno.EINVAL)]
        await begin(daemon, "other")
        assert daemon.status("other").condition is Condition.FAILED
        assert open_intents(machine) == []

    machine.boot(scenario)


@pytest.mark.shows("fault: open intent")
def test_after_a_power_cut_it_is_tried_once_more_last_and_alone(machine: SimulatedMachine) -> None:
    go_down_during(machine, "other")

    async def scenario(daemon: SimulatedDaemon) -> None:
        holding(daemon, BASE, OTHER)
        await begin(daemon, "base", "other", "serial")
        assert daemon.loader.begun() == ["base", "serial"]
        assert daemon.status("other").message == (
            "to be loaded, last and alone: the machine went down during that"
        )
        daemon.loader.gates[BASE].set()
        await daemon.second()
        assert daemon.loader.begun() == ["base", "serial", "other"]
        # Alone: whatever else is to be done waits for its end.
        daemon.declare(*map(declare, ("base", "other", "serial", "dummy")))
        await daemon.look(CONFIG)
        assert "dummy" not in daemon.loader.begun()
        daemon.loader.gates[OTHER].set()
        await daemon.second()
        assert set(daemon.conditions().values()) == {Condition.IN_SYNC}
        assert open_intents(machine) == []

    machine.boot(scenario)
    # It was seen to end well, so it is a suspect no more.
    go_down_during(machine, "serial", declared=("other", "serial"))


def test_what_else_hangs_does_not_keep_a_suspect_for_ever(machine: SimulatedMachine) -> None:
    go_down_during(machine, "other")

    async def scenario(daemon: SimulatedDaemon) -> None:
        holding(daemon, BASE)
        await begin(daemon, "base", "upper", "other")
        assert daemon.loader.begun() == ["base"]
        await daemon.until(lambda: daemon.status("other").condition is Condition.IN_SYNC)
        assert daemon.status("base").condition is Condition.LOADING_SLOW

    machine.boot(scenario)


def test_who_needs_a_suspect_waits_with_it(machine: SimulatedMachine) -> None:
    go_down_during(machine, "base")

    async def scenario(daemon: SimulatedDaemon) -> None:
        holding(daemon, SERIAL)
        await begin(daemon, "base", "upper", "serial")
        assert daemon.loader.begun() == ["serial"]
        daemon.loader.gates[SERIAL].set()
        await daemon.second()
        assert daemon.loader.begun() == ["serial", "base", "upper"]

    machine.boot(scenario)


def test_of_several_suspects_one_is_tried_at_a_time(machine: SimulatedMachine) -> None:
    go_down_during(machine, "other", "serial")

    async def scenario(daemon: SimulatedDaemon) -> None:
        holding(daemon, OTHER, SERIAL)
        await begin(daemon, "other", "serial")
        assert len(daemon.loader.begun()) == 1
        daemon.loader.gates[daemon.loader.begun()[0]].set()
        await daemon.second()
        assert set(daemon.loader.begun()) == {"other", "serial"}

    machine.boot(scenario)


@pytest.mark.shows("fault: open intent")
def test_the_second_time_it_is_quarantined_and_released(machine: SimulatedMachine) -> None:
    go_down_during(machine, "other")
    go_down_during(machine, "other")

    async def scenario(daemon: SimulatedDaemon) -> None:
        await begin(daemon, "base", "other")
        assert daemon.loader.begun() == ["base"]
        status = daemon.status("other")
        assert status.condition is Condition.QUARANTINED
        assert "the machine went down while kmodd was loading it, and again when that was tried alone" in (
            status.message
        )
        assert daemon.state() is DaemonState.DEGRADED
        assert "install other /bin/false\nsoftdep other pre:\n" in machine.blocked.read_text()
        await daemon.facade.release(OTHER)
        await daemon.second()
        assert daemon.status("other").condition is Condition.IN_SYNC
        assert not machine.blocked.exists()
        with pytest.raises(KmoddError) as caught:
            await daemon.guard.release(OTHER)
        assert caught.value.kind is ErrorKind.NOT_FOUND

    machine.boot(scenario)


def test_a_quarantine_lasts_over_boots(machine: SimulatedMachine) -> None:
    go_down_during(machine, "other")
    go_down_during(machine, "other")

    async def scenario(daemon: SimulatedDaemon) -> None:
        await begin(daemon, "other")
        assert daemon.status("other").condition is Condition.QUARANTINED

    machine.boot(scenario)
    machine.boot(scenario)


@pytest.mark.shows("fault: open intent")
def test_the_kernels_log_quarantines_at_once_and_is_shown(machine: SimulatedMachine) -> None:
    go_down_during(machine, "other")
    machine.leave_crash_log(*PANIC)

    async def scenario(daemon: SimulatedDaemon) -> None:
        await begin(daemon, "other", "base")
        status = daemon.status("other")
        assert status.condition is Condition.QUARANTINED
        assert status.message.startswith("loading it crashed the kernel, whose log of that names it")
        assert status.kernel_messages == (
            "Kernel panic - not syncing: no",
            "init_module+0x1/0x2 [other]",
        )
        assert daemon.status("base").condition is Condition.IN_SYNC

    machine.boot(scenario)


@pytest.mark.shows("fault: open intent")
def test_another_file_or_other_parameters_are_another_matter(machine: SimulatedMachine) -> None:
    go_down_during(machine, "dummy")
    go_down_during(machine, "dummy")

    async def scenario(daemon: SimulatedDaemon) -> None:
        await begin(daemon, "dummy")
        assert daemon.status("dummy").condition is Condition.QUARANTINED
        daemon.declare(with_parameters("dummy", level="2"))
        await daemon.look(CONFIG)
        assert daemon.status("dummy").condition is Condition.IN_SYNC

    machine.boot(scenario)

    path = machine.path / "dummy.ko"
    path.write_text("a file")

    async def with_another_file(daemon: SimulatedDaemon) -> None:
        daemon.loader.contents[str(path)] = "another digest"
        await begin(daemon, "dummy")
        assert daemon.status("dummy").condition is Condition.IN_SYNC

    (dummy,) = (module for module in TREE if module.name == DUMMY)
    machine.boot(with_another_file, (replace(dummy, info=dummy.info._replace(path=str(path))),))


def test_an_end_as_it_should_be_quarantines_nothing(machine: SimulatedMachine) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        holding(daemon, OTHER)
        await begin(daemon, "other")
        daemon.guard.stop()
        machine.go_down()

    async def again(daemon: SimulatedDaemon) -> None:
        await begin(daemon, "other")
        assert daemon.status("other").condition is Condition.IN_SYNC
        assert not daemon.store.memory.suspects

    for _ in range(3):
        machine.boot(scenario)
    machine.boot(again)


def test_a_start_in_the_same_boot_takes_back_that_it_ended(machine: SimulatedMachine) -> None:
    async def stopped(daemon: SimulatedDaemon) -> None:
        await begin(daemon, "base")

    async def cut(daemon: SimulatedDaemon) -> None:
        holding(daemon, OTHER)
        await begin(daemon, "other")
        machine.go_down()

    async def after(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        assert list(daemon.store.memory.suspects) == [(OTHER, "load")]

    machine.boot(stopped)
    machine.start_again(cut)
    machine.boot(after)


@pytest.mark.parametrize("state", [Desired.UNLOADED, Desired.DENIED])
def test_taking_out_is_guarded_too(machine: SimulatedMachine, state: Desired) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("other")
        holding(daemon, OTHER)
        daemon.declare(declare("other", state))
        await daemon.look(CONFIG)
        assert daemon.loader.begun() == ["other"]
        machine.go_down()

    async def quarantined(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("other")
        daemon.declare(declare("other", state))
        await daemon.look(CONFIG)
        assert daemon.loader.begun() == []
        assert daemon.status("other").condition is Condition.QUARANTINED
        assert "taking it out" in daemon.status("other").message

    machine.boot(scenario)
    machine.boot(scenario)
    machine.boot(quarantined)


def test_setting_parameters_is_guarded_too(machine: SimulatedMachine) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("dummy")
        holding(daemon, DUMMY)
        daemon.declare(with_parameters("dummy", level="2"))
        await daemon.look(CONFIG)
        assert open_intents(machine) == ["dummy.write.json"]
        machine.go_down()

    async def quarantined(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("dummy")
        daemon.declare(with_parameters("dummy", level="2"))
        await daemon.look(CONFIG)
        assert daemon.loader.begun() == []
        assert daemon.status("dummy").condition is Condition.QUARANTINED
        daemon.declare(with_parameters("dummy", level="3"))
        await daemon.look(CONFIG)
        assert daemon.status("dummy").condition is Condition.IN_SYNC

    machine.boot(scenario)
    machine.boot(scenario)
    machine.boot(quarantined)


@pytest.mark.shows("P4", "fault: oops")
def test_what_crashed_is_not_tried_again_in_this_boot(machine: SimulatedMachine) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[OTHER] = [Fault(stuck=True)]
        await begin(daemon, "other", "base")
        status = daemon.status("other")
        assert (status.condition, status.message) == (
            Condition.FAILED,
            "oops: its init crashed in the kernel; nobody tries that again before the next boot",
        )
        assert "install other /bin/false" in machine.blocked.read_text()
        assert daemon.status("base").condition is Condition.IN_SYNC
        # Neither time nor other files nor a wish change that.
        await daemon.reconciler.reconcile()
        daemon.declare(declare("base"), with_parameters("other", level="1"))
        await daemon.look(CONFIG)
        await asyncio.sleep(3600)
        assert daemon.loader.begun().count(OTHER) == 1
        with pytest.raises(KmoddError) as caught:
            await daemon.guard.release(OTHER)
        assert caught.value.kind is ErrorKind.BUSY

    machine.boot(scenario)
    # A restart forgets nothing.
    machine.start_again(_stuck)


async def _stuck(daemon: SimulatedDaemon) -> None:
    daemon.kernel.set_state("other", ModuleState.LOADING)
    await begin(daemon, "other")
    assert daemon.loader.begun() == []
    assert daemon.status("other").message.startswith("oops:")


def test_what_crashed_gets_one_more_try_after_a_reboot(machine: SimulatedMachine) -> None:
    async def crash(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[OTHER] = [Fault(stuck=True)]
        await begin(daemon, "other", "base")
        assert daemon.status("other").message.startswith("oops:")

    async def after(daemon: SimulatedDaemon) -> None:
        await begin(daemon, "other", "base")
        assert daemon.status("other").condition is Condition.QUARANTINED
        assert daemon.loader.begun() == ["base"]

    machine.boot(crash)
    machine.boot(crash)
    machine.boot(after)


@pytest.mark.shows("fault: oops")
def test_a_crash_at_exit_is_one(machine: SimulatedMachine) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("other")
        daemon.loader.faults[OTHER] = [Fault(stuck=True)]
        daemon.declare(declare("other", Desired.UNLOADED))
        await daemon.look(CONFIG)
        assert daemon.status("other").message == (
            "oops: its exit crashed in the kernel; nobody tries that again before the next boot"
        )
        await asyncio.sleep(3600)
        assert daemon.loader.begun() == ["other"]

    machine.boot(scenario)


def test_a_loader_that_is_lost_is_no_crash(machine: SimulatedMachine) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[OTHER] = [Fault(lost=True)]
        await begin(daemon, "other")
        assert daemon.status("other").condition is Condition.IN_SYNC
        assert open_intents(machine) == []

    machine.boot(scenario)


def test_who_went_on_to_another_change_was_done_with_the_one_before(machine: SimulatedMachine) -> None:
    """kmodd was killed before it had taken the first intent away, and the second change hangs."""
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)

    def killed(daemon: SimulatedDaemon) -> None:
        stat = Path(f"proc/{process.pid}/stat")
        (machine.path / stat).parent.mkdir(parents=True)
        (machine.path / stat).write_text(("/" / stat).read_text())
        files = GuardFiles(machine.state)
        files.intents.mkdir(parents=True)
        ticks = start_ticks(process.pid)
        for since_us, name in enumerate((OTHER, BASE)):
            kernel = f"{daemon.kernel.release()} #1 SMP"
            change = (name, ActionKind.LOAD, "", "", kernel, f"boot-{machine.boots}")
            files.rewrite(Intent(*change, process.pid, ticks, since_us, 0))
        daemon.kernel.insert("other")
        daemon.kernel.begin(LoadRequest(BASE, "", ""))
        daemon.declare(declare("base"), declare("other"))

    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        assert set(daemon.store.memory.in_flight) == {BASE}
        assert daemon.status("other").condition is Condition.IN_SYNC
        assert open_intents(machine) == ["base.load.json"]
        assert daemon.loader.begun() == []

    machine.boot(scenario, before=killed)
    process.communicate()


@pytest.mark.shows("fault: no room for intents")
def test_where_nothing_can_be_written_the_setting_decides(machine: SimulatedMachine) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.unwritable = errno.ENOSPC
        await begin(daemon, "base")
        assert daemon.status("base").condition is Condition.IN_SYNC
        assert daemon.state() is DaemonState.DEGRADED
        assert "cannot be written down first (No space left on device" in daemon.snapshot.problem
        settings = daemon.catalog.settings._replace(quarantine="strict")
        daemon.catalog = daemon.catalog._replace(settings=settings)
        await begin(daemon, "base", "other")
        status = daemon.status("other")
        assert status.condition is Condition.BACKING_OFF
        assert status.message.startswith(
            "not-recorded: it was not begun, because that cannot be written down"
        )
        assert OTHER not in daemon.kernel.modules()
        daemon.loader.unwritable = 0
        await daemon.until(lambda: daemon.state() is DaemonState.CONVERGED)
        assert daemon.status("other").condition is Condition.IN_SYNC

    machine.boot(scenario)


def test_a_try_that_was_not_begun_clears_nobody(machine: SimulatedMachine) -> None:
    go_down_during(machine, "other")

    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.unwritable = errno.EROFS
        settings = daemon.catalog.settings._replace(quarantine="strict")
        daemon.catalog = daemon.catalog._replace(settings=settings)
        await begin(daemon, "other")
        assert list(daemon.store.memory.suspects) == [(OTHER, "load")]
        assert open_intents(machine) == ["other.load.json"]

    machine.boot(scenario)


@pytest.mark.shows("fault: open intent")
def test_after_three_boots_that_ended_early_it_only_observes(machine: SimulatedMachine) -> None:
    async def early(daemon: SimulatedDaemon) -> None:
        await begin(daemon, "base")
        assert daemon.loader.begun() == ["base"]
        machine.go_down()

    async def observing(daemon: SimulatedDaemon) -> None:
        await begin(daemon, "base")
        assert daemon.loader.begun() == []
        assert daemon.snapshot.problem == SAFE_MODE
        assert not daemon.snapshot.enforcing
        await daemon.guard.healthy()

    async def resumed(daemon: SimulatedDaemon) -> None:
        await begin(daemon, "base")
        assert daemon.loader.begun() == []
        await daemon.facade.pause(paused=False)
        await daemon.second()
        assert daemon.loader.begun() == ["base"]
        assert daemon.state() is DaemonState.CONVERGED

    def on_disk(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("base"))

    for _ in range(3):
        machine.boot(early, before=on_disk)
    machine.boot(observing, before=on_disk)
    machine.boot(resumed, before=on_disk)


def test_other_files_end_that_too(machine: SimulatedMachine) -> None:
    async def early(_daemon: SimulatedDaemon) -> None:
        await _daemon.second()
        machine.go_down()

    async def mended(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        assert daemon.snapshot.problem == SAFE_MODE
        await begin(daemon, "other")
        assert daemon.loader.begun() == ["other"]
        assert not daemon.snapshot.problem

    def on_disk(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("base"))

    for _ in range(3):
        machine.boot(early, before=on_disk)
    machine.boot(mended, before=on_disk)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 9}', b"\xff", b'{"format": 1, "x": 1}'])
def test_what_is_damaged_counts_for_nothing(machine: SimulatedMachine, content: bytes) -> None:
    (machine.state / "intents").mkdir(parents=True)
    for name in ("boot.json", "quarantines.json", "intents/other.load.json", "intents/x.json"):
        (machine.state / name).write_bytes(content)

    async def scenario(daemon: SimulatedDaemon) -> None:
        await begin(daemon, "other")
        assert daemon.status("other").condition is Condition.IN_SYNC

    machine.boot(scenario)


def test_what_is_no_file_is_not_read(machine: SimulatedMachine) -> None:
    intents = machine.state / "intents"
    intents.mkdir(parents=True)
    os.mkfifo(intents / "fifo.load.json")
    (intents / "directory.load.json").mkdir()
    (intents / "link.load.json").symlink_to("/dev/zero")

    async def scenario(daemon: SimulatedDaemon) -> None:
        await begin(daemon, "other")
        assert daemon.status("other").condition is Condition.IN_SYNC

    machine.boot(scenario)
