"""Passes of the whole daemon on a simulated kernel: what is kept as declared although others disagree."""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from kmodd.daemon.store import MemoryStore
from kmodd.events.trigger import Look
from kmodd.model import (
    Declaration,
    Desired,
    DeviceMatch,
    Parameter,
    ParameterPolicy,
    UnloadRequest,
    User,
    WriteRequest,
)
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState
from tests.support.clock import settle
from tests.support.daemon import CONFIG, MODULES, SimulatedDaemon, declare, play
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated_kernel import module

BASE, MID, TOP, CARD = map(ModuleName, ("base", "mid", "top", "card"))
TREE = (
    module("base", level=KernelParameter(mode=0o444), volume=KernelParameter()),
    module("mid", "base"),
    module("top", "base", "mid"),
    module("card"),
)
USB = DeviceMatch(subsystem="usb")
RESYNC = Look(config=True, all_devices=True)


def with_level(
    policy: ParameterPolicy = ParameterPolicy.RELOAD, state: Desired = Desired.LOADED
) -> Declaration:
    return Declaration(BASE, state, (Parameter("level", "1"),), policy)


def with_volume() -> Declaration:
    return Declaration(BASE, parameters=(Parameter("volume", "1"),))


def parameters_of(*names: ModuleName) -> Look:
    return Look(parameters=frozenset(names))


def writes(daemon: SimulatedDaemon) -> int:
    begun = [mark.request for mark in daemon.loader.journal if mark.what == "begin"]
    return sum(isinstance(request, WriteRequest) for request in begun)


def test_what_changed_without_an_event_is_seen_by_the_resync(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(with_volume())
        await daemon.second()
        daemon.kernel.poke("base", "volume", "3")
        await daemon.until(lambda: daemon.kernel.value("base", "volume") == "1")
        assert writes(daemon) == 1

    play(tmp_path, scenario, TREE)


def test_somebody_who_always_writes_back_is_answered_ever_more_slowly(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        loop = asyncio.get_running_loop()
        daemon.declare(with_volume())
        await daemon.second()
        answered: list[float] = []
        for _ in range(10):
            daemon.kernel.poke("base", "volume", "3")
            daemon.trigger.notify(parameters_of(BASE))
            await daemon.until(lambda: daemon.kernel.value("base", "volume") == "1")
            answered.append(loop.time())
        waits = [later - earlier for earlier, later in pairwise(answered)]
        assert all(later > 1.5 * earlier for earlier, later in zip(waits, waits[2:], strict=False))
        daemon.kernel.poke("base", "volume", "3")
        await daemon.look(parameters_of(BASE))
        assert daemon.status("base").condition is Condition.DRIFTED
        assert "written 10 times, and undone each time" in daemon.status("base").message

    play(tmp_path, scenario, TREE)


def test_a_write_that_ends_while_a_pass_is_made_is_not_taken_for_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        users = daemon.loader.users

        async def open_meanwhile(names: Iterable[ModuleName]) -> Mapping[ModuleName, tuple[User, ...]]:
            daemon.loader.gates[BASE].set()
            await settle()
            return await users(names)

        daemon.kernel.insert("base")
        daemon.kernel.insert("card")
        daemon.kernel.use("card", 1)
        daemon.loader.gates[BASE] = asyncio.Event()
        daemon.declare(with_volume())
        await daemon.look(CONFIG)
        monkeypatch.setattr(daemon.loader, "users", open_meanwhile)
        daemon.declare(with_volume(), declare("card", Desired.UNLOADED))
        await daemon.look(CONFIG)
        messages = [shown.statuses[BASE].message for shown in daemon.shown if BASE in shown.statuses]
        assert "its parameters are being written" in messages
        assert not [message for message in messages if "undone" in message]
        assert daemon.status("base").condition is Condition.IN_SYNC
        assert writes(daemon) == 1

    play(tmp_path, scenario, TREE)


def test_new_files_end_the_waiting(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(with_volume())
        await daemon.second()
        for _ in range(8):
            daemon.kernel.poke("base", "volume", "3")
            daemon.trigger.notify(parameters_of(BASE))
            await daemon.until(lambda: daemon.kernel.value("base", "volume") == "1")
        daemon.kernel.poke("base", "volume", "3")
        await daemon.look(parameters_of(BASE))
        assert daemon.kernel.value("base", "volume") == "3"
        daemon.declare(with_volume()._replace(reason="changed"))
        await daemon.look(CONFIG)
        assert daemon.kernel.value("base", "volume") == "1"

    play(tmp_path, scenario, TREE)


def test_a_reload_takes_holders_along(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("top")
        daemon.declare(with_level(), declare("mid", Desired.AUTO), declare("top"))
        await daemon.look(CONFIG)
        assert daemon.loader.begun() == [TOP, MID, BASE, BASE, MID, TOP]
        assert daemon.kernel.value("base", "level") == "1"
        assert set(daemon.conditions().values()) == {Condition.IN_SYNC}
        assert daemon.store.memory.owed == frozenset()
        assert daemon.snapshot.converged

    play(tmp_path, scenario, TREE)


@pytest.mark.parametrize("policy", [ParameterPolicy.WRITE, ParameterPolicy.REPORT])
def test_nothing_is_reloaded_without_leave(tmp_path: Path, policy: ParameterPolicy) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("base")
        daemon.declare(with_level(policy))
        await daemon.look(CONFIG)
        assert not daemon.loader.begun()
        assert daemon.state() is DaemonState.DEGRADED

    play(tmp_path, scenario, TREE)


@pytest.mark.parametrize("state", [Desired.AUTO, Desired.LOADED])
def test_killed_between_unload_and_load_the_next_start_loads_it(tmp_path: Path, state: Desired) -> None:
    MemoryStore(tmp_path / "loads.json").owe(BASE)

    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(with_level(state=state))
        await daemon.second()
        assert daemon.kernel.value("base", "level") == "1"
        assert daemon.status("base").condition is Condition.IN_SYNC
        assert MemoryStore(tmp_path / "loads.json").memory.owed == frozenset()
        daemon.kernel.remove("base")
        await daemon.look(MODULES)
        assert (BASE in daemon.kernel.present()) is (state is Desired.LOADED)

    play(tmp_path, scenario, TREE)


def test_a_denied_module_is_kept_out_then_taken_out_then_proved(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("card")
        daemon.loader.gates[CARD] = asyncio.Event()
        daemon.declare(declare("card", Desired.DENIED))
        await daemon.look(CONFIG)
        assert "install card /bin/false" in daemon.modprobe_file.read_text(), "before it is taken out"
        daemon.loader.gates[CARD].set()
        await daemon.second()
        assert CARD not in daemon.kernel.present()
        assert daemon.status("card").condition is Condition.DENIED
        assert daemon.state() is DaemonState.CONVERGED

    play(tmp_path, scenario, TREE)


def test_a_way_that_others_keep_open_is_no_denial(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.open_ways[CARD] = ("card",)
        daemon.declare(declare("card", Desired.DENIED))
        await daemon.second()
        assert daemon.status("card").condition is Condition.CONFLICT
        assert daemon.state() is DaemonState.DEGRADED

    play(tmp_path, scenario, TREE)


def test_nobody_is_asked_who_uses_what_while_nothing_is_to_go(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("top")
        daemon.kernel.use("top", 2)
        daemon.declare(declare("top"), declare("card", Desired.UNLOADED))
        await daemon.second()
        await daemon.look(RESYNC)
        assert daemon.loader.asked == []

    play(tmp_path, scenario, TREE)


def test_who_is_in_the_way_is_asked_and_named(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("card")
        daemon.kernel.use("card", 1)
        daemon.loader.known_users[CARD] = (User("mount", "/srv, mounted from /dev/sdb1", 1),)
        daemon.declare(declare("card", Desired.UNLOADED), declare("top"))
        await daemon.look(CONFIG)
        assert set(daemon.loader.asked) == {frozenset((CARD,))}
        assert daemon.status("card").blockers == ("/srv, mounted from /dev/sdb1",)
        assert not any(isinstance(mark.request, UnloadRequest) for mark in daemon.loader.journal)
        daemon.kernel.use("card", 0)
        await daemon.until(lambda: CARD not in daemon.kernel.present())

    play(tmp_path, scenario, TREE)


def test_that_it_is_used_is_looked_at_ever_less_often(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("card")
        daemon.kernel.use("card", 1)
        daemon.declare(declare("card", Desired.UNLOADED))
        await daemon.look(CONFIG)
        await asyncio.sleep(3600.0)
        assert 5 < len(daemon.loader.asked) < 40

    play(tmp_path, scenario, TREE)


def test_a_file_that_cannot_be_written_is_a_problem_until_it_can(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.modprobe_file.write_text("blacklist pcspkr\n")
        daemon.declare(declare("card", Desired.DENIED), declare("base"))
        await daemon.second()
        assert daemon.snapshot.problem.endswith("cannot be written: somebody else's file is there")
        assert daemon.state() is DaemonState.DEGRADED
        assert daemon.status("card").condition is Condition.UNVERIFIABLE
        assert "somebody else's file is there" in daemon.status("card").message
        assert BASE in daemon.kernel.present(), "everything else goes on"
        daemon.modprobe_file.unlink()
        await daemon.look(MODULES)
        assert not daemon.snapshot.problem
        assert daemon.status("card").condition is Condition.DENIED

    play(tmp_path, scenario, TREE)


def test_the_command_line_takes_enforcement_away(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        (tmp_path / "proc/cmdline").write_text("quiet kmodd.enforce=0\n")
        daemon.kernel.insert("card")
        daemon.declare(declare("card", Desired.DENIED), with_volume())
        await daemon.look(CONFIG)
        assert not daemon.loader.begun()
        assert not daemon.modprobe_file.exists()
        assert [step.module for step in daemon.snapshot.plan.steps] == [CARD, BASE], "said, not done"

    play(tmp_path, scenario, TREE)
