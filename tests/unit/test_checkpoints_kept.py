"""Checkpoints across the ends of kmodd: killed anywhere, stopped in order, files damaged."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from kmodd.config import store
from kmodd.daemon.checkpoint_file import FORMAT, CheckpointFile
from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import Declaration, Desired, LoadRequest
from kmodd.names import ModuleName
from kmodd.shown import DaemonState
from tests.support.config_tree import drop
from tests.support.daemon import CONFIG, Scenario, SimulatedDaemon, declare, play, with_parameters
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated import Mark
from tests.support.simulated_kernel import SimulatedKernel, module

OTHER = ModuleName("other")
TREE = (
    module("base"),
    module("upper", "base"),
    module("other"),
    module("fixed", size=KernelParameter(mode=0o444), level=KernelParameter()),
)
OLD = (declare("fixed", Desired.AUTO),)
NEW = (
    declare("upper"),
    with_parameters("other"),
    declare("fixed", Desired.UNLOADED),
)


def kernel_before() -> SimulatedKernel:
    """With a module in that others have loaded."""
    kernel = SimulatedKernel(TREE)
    kernel.insert("fixed", "size=3 level=2")
    return kernel


def state_of(kernel: SimulatedKernel) -> dict[str, dict[str, str]]:
    """Modules in the kernel, with what their parameters read as."""
    return {name: dict(kernel.parameters(name)) for name in kernel.present()}


BEFORE = state_of(kernel_before())


async def open_and_change(daemon: SimulatedDaemon, timeout_s: int = 60) -> None:
    """A checkpoint, and then other files, and all is done about them."""
    daemon.declare(*OLD)
    await daemon.facade.create_checkpoint(timeout_s)
    daemon.declare(*NEW)
    await daemon.look(CONFIG)
    assert daemon.kernel.present() == {"base", "upper", "other"}


async def ends_in_order(daemon: SimulatedDaemon) -> None:
    """The same, and SIGTERM after it."""
    await open_and_change(daemon)
    daemon.checkpoints.stopped()


async def is_rolled_back(daemon: SimulatedDaemon) -> None:
    """At once, and although the files still say what they said."""
    daemon.declare(*NEW)
    await daemon.second()
    assert state_of(daemon.kernel) == BEFORE
    assert daemon.state() is DaemonState.DEGRADED
    await daemon.facade.commit(await daemon.facade.create_checkpoint(5))  # there is none any more


def test_who_was_killed_has_not_committed(tmp_path: Path) -> None:
    kernel = kernel_before()
    play(tmp_path, open_and_change, kernel=kernel)
    play(tmp_path, is_rolled_back, kernel=kernel)


def test_the_new_files_are_never_in_force_in_between(tmp_path: Path) -> None:
    async def watched(daemon: SimulatedDaemon) -> None:
        daemon.declare(*NEW, declare("base"))
        await daemon.second()
        assert {mark.request.module for mark in daemon.loader.journal} == {"base", "upper", "other", "fixed"}
        loads = [m.request.module for m in daemon.loader.journal if isinstance(m.request, LoadRequest)]
        assert set(loads) == {"fixed"}

    kernel = kernel_before()
    play(tmp_path, open_and_change, kernel=kernel)
    play(tmp_path, watched, kernel=kernel)


def test_after_an_end_in_good_order_the_timer_goes_on(tmp_path: Path) -> None:
    async def goes_on(daemon: SimulatedDaemon) -> None:
        daemon.declare(*NEW)
        await asyncio.sleep(30)
        assert daemon.kernel.present() == {"base", "upper", "other"}
        with pytest.raises(KmoddError) as caught:
            await daemon.facade.create_checkpoint(5)
        assert caught.value.kind is ErrorKind.BUSY
        await asyncio.sleep(40)
        assert state_of(daemon.kernel) == BEFORE

    kernel = kernel_before()
    play(tmp_path, ends_in_order, kernel=kernel)
    play(tmp_path, goes_on, kernel=kernel)


def test_an_end_in_good_order_is_none_for_the_next(tmp_path: Path) -> None:
    async def killed(daemon: SimulatedDaemon) -> None:
        daemon.declare(*NEW)
        await daemon.second()
        assert daemon.kernel.present() == {"base", "upper", "other"}

    kernel = kernel_before()
    for scenario in (ends_in_order, killed, is_rolled_back):
        play(tmp_path, scenario, kernel=kernel)


def test_it_can_be_committed_after_a_restart(tmp_path: Path) -> None:
    async def commits(daemon: SimulatedDaemon) -> None:
        found = CheckpointFile(tmp_path).read()
        assert found is not None
        await daemon.facade.commit(found[0].id)

    async def stays(daemon: SimulatedDaemon) -> None:
        daemon.declare(*NEW)
        await asyncio.sleep(100)
        assert daemon.kernel.present() == {"base", "upper", "other"}

    kernel = kernel_before()
    for scenario in (ends_in_order, commits, stays):
        play(tmp_path, scenario, kernel=kernel)


def test_time_that_ran_out_while_nobody_ran_has_run_out(tmp_path: Path) -> None:
    kernel = kernel_before()
    play(tmp_path, ends_in_order, kernel=kernel)
    file = CheckpointFile(tmp_path)
    found = file.read()
    assert found is not None
    file.write(found[0]._replace(deadline_us=1))
    play(tmp_path, is_rolled_back, kernel=kernel)


class Killed(Exception):
    """Ends a daemon, whatever it is about."""


class DeadlyJournal(list[Mark]):
    """Ends the daemon with one of its lines: before an action is begun, or after it, before anybody knows."""

    def __init__(self, moment: int) -> None:
        super().__init__()
        self._moment = moment

    def append(self, mark: Mark) -> None:
        """Killed at the very moment."""
        super().append(mark)
        if len(self) == self._moment:
            raise Killed


def until_killed(path: Path, scenario: Scenario, kernel: SimulatedKernel, moment: int) -> bool:
    """Play a scenario with one action at a time; whether it was killed at the moment."""

    async def deadly(daemon: SimulatedDaemon) -> None:
        daemon.loader.journal = DeadlyJournal(moment)
        daemon.catalog = daemon.catalog._replace(settings=daemon.catalog.settings._replace(parallel_loads=1))
        await scenario(daemon)

    try:
        play(path, deadly, kernel=kernel)
    except* Killed:
        was_killed = True
    else:
        was_killed = False
    return was_killed


@pytest.mark.shows("P8")
@pytest.mark.parametrize("once_more", [1, 2, 3, 5])
@pytest.mark.parametrize("moment", range(1, 22))
def test_killed_at_any_action_of_the_change_or_of_the_way_back(
    tmp_path: Path, moment: int, once_more: int
) -> None:
    """And once more while the next one goes back; in the end all is as it was."""

    async def change_and_back(daemon: SimulatedDaemon) -> None:
        daemon.declare(*OLD)
        checkpoint = await daemon.facade.create_checkpoint(60)
        daemon.declare(*NEW)
        await daemon.look(CONFIG)
        await daemon.facade.roll_back(checkpoint)

    async def goes_on(daemon: SimulatedDaemon) -> None:
        daemon.declare(*NEW)
        await daemon.second()

    async def to_the_end(daemon: SimulatedDaemon) -> None:
        daemon.declare(*NEW)
        await daemon.second()
        assert state_of(daemon.kernel) == BEFORE

    kernel = kernel_before()
    killed = until_killed(tmp_path, change_and_back, kernel, moment)
    assert killed is (moment <= 20)
    until_killed(tmp_path, goes_on, kernel, once_more)
    play(tmp_path, to_the_end, kernel=kernel)


def _cut(text: bytes) -> bytes:
    return text[: len(text) // 2]


def _emptied(_: bytes) -> bytes:
    return b""


def _turned(text: bytes) -> bytes:
    return text.replace(b"other", b"othex").replace(b"fixed", b"fixee")


@pytest.mark.parametrize("name", ["checkpoint.json", "checkpoint-catalog.json"])
@pytest.mark.parametrize("damage", [_cut, _emptied, _turned])
def test_a_damaged_one_is_said_and_removed_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, damage: Callable[[bytes], bytes]
) -> None:
    async def goes_on(daemon: SimulatedDaemon) -> None:
        daemon.declare(*NEW)
        await daemon.second()
        assert daemon.kernel.present() == {"base", "upper", "other"}
        assert daemon.state() is DaemonState.CONVERGED
        await daemon.facade.create_checkpoint(5)

    kernel = kernel_before()
    play(tmp_path, open_and_change, kernel=kernel)
    path = tmp_path / name
    path.write_bytes(damage(path.read_bytes()))
    caplog.clear()
    play(tmp_path, goes_on, kernel=kernel)
    assert caplog.text.count("what is kept of a checkpoint is damaged, and given up") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"touched": {"../x": []}},
        {"touched": {"other": {"instance": "x"}}},
        {"touched": 3},
        {"overrides": {"../../etc/passwd": "x"}},
        {"deadline_us": None},
    ],
)
def test_one_of_another_shape_is_not_believed(tmp_path: Path, change: dict[str, object]) -> None:
    file = CheckpointFile(tmp_path)
    kernel = kernel_before()
    play(tmp_path, open_and_change, kernel=kernel)
    path = tmp_path / "checkpoint.json"
    row = store.read(path, FORMAT)
    store.write(path, FORMAT, row | change, durable=False)
    with pytest.raises(ValueError, match=r"another shape|no module|invalid literal"):
        file.read()


@pytest.mark.parametrize("damage", [_cut, _emptied, _turned])
def test_what_is_held_and_damaged_is_said_and_costs_no_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[bytes], bytes]
) -> None:
    async def holds_and_opens(daemon: SimulatedDaemon) -> None:
        await open_and_change(daemon)
        found = CheckpointFile(tmp_path).read()
        assert found is not None
        await daemon.facade.roll_back(found[0].id)
        await daemon.facade.create_checkpoint(600)
        await daemon.facade.pause(paused=True)

    async def goes_on(daemon: SimulatedDaemon) -> None:
        daemon.declare(*OLD)
        await daemon.second()
        assert not daemon.facade.paused
        assert daemon.state() is DaemonState.CONVERGED

    kernel = kernel_before()
    play(tmp_path, holds_and_opens, kernel=kernel)
    path = tmp_path / "held.json"
    path.write_bytes(damage(path.read_bytes()))
    play(tmp_path, goes_on, kernel=kernel)
    assert caplog.text.count("what a rollback left is damaged") == 1
    assert caplog.text.count("is rolled back: kmodd ended without a word") == 1


def test_a_catalog_without_its_checkpoint_is_none(tmp_path: Path) -> None:
    """kmodd was killed between the two files, so nobody has been given the id."""

    async def nothing(daemon: SimulatedDaemon) -> None:
        daemon.declare(*NEW)
        await daemon.second()
        assert OTHER in daemon.kernel.present()

    kernel = kernel_before()
    play(tmp_path, open_and_change, kernel=kernel)
    (tmp_path / "checkpoint.json").unlink()
    play(tmp_path, nothing, kernel=kernel)


def test_overrides_come_back_before_the_first_pass(tmp_path: Path) -> None:
    async def overridden(daemon: SimulatedDaemon) -> None:
        daemon.reads_files = True
        drop(daemon.files.directories[0], "10.toml", '[module.fixed]\nstate = "auto"\n')
        await daemon.facade.create_checkpoint(60)
        await daemon.facade.set_override(OTHER, {})
        await daemon.facade.pause(paused=True)
        await daemon.second()

    async def no_more(daemon: SimulatedDaemon) -> None:
        daemon.reads_files = True
        assert daemon.override_files.kept() == {}
        await daemon.second()
        assert state_of(daemon.kernel) == BEFORE
        assert not daemon.facade.paused
        assert daemon.state() is DaemonState.CONVERGED

    kernel = kernel_before()
    play(tmp_path, overridden, kernel=kernel)
    play(tmp_path, no_more, kernel=kernel)


def test_what_is_declared_comes_back_as_declared(tmp_path: Path) -> None:
    def declared() -> Declaration:
        return with_parameters("fixed", size="3", level="2")

    async def open_one(daemon: SimulatedDaemon) -> None:
        daemon.declare(declared())
        await daemon.facade.create_checkpoint(60)
        daemon.declare(declare("fixed", Desired.DENIED))
        await daemon.look(CONFIG)
        assert daemon.kernel.present() == set()

    async def back(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("fixed", Desired.DENIED))
        await daemon.second()
        assert state_of(daemon.kernel) == BEFORE

    kernel = kernel_before()
    play(tmp_path, open_one, kernel=kernel)
    play(tmp_path, back, kernel=kernel)
