"""What kmodd took out to load it again is owed until that is done, or until there is no reason for it."""

from pathlib import Path

import pytest

from kmodd.model import Declaration, Desired, DeviceMatch, Parameter, ParameterPolicy, Request, When, WhenGone
from kmodd.names import ModuleName
from kmodd.shown import Condition, Outcome
from tests.support.daemon import CONFIG, MODULES, SimulatedDaemon, declare, play
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated_kernel import module

OTHER, SIZED = ModuleName("other"), ModuleName("sized")
DISK = DeviceMatch(subsystem="block")


@pytest.mark.parametrize("state", [Desired.UNLOADED, Desired.DENIED])
def test_a_file_that_wants_it_out_ends_it_for_good(state: Desired, tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.store.owe(OTHER)
        daemon.declare(declare("other", state))
        await daemon.second()
        daemon.declare(declare("base"))
        await daemon.look(CONFIG)
        assert daemon.kernel.present() == {"base"}

    play(tmp_path, scenario)


def test_a_module_that_takes_its_place_ends_it(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.store.owe(OTHER)
        daemon.declare(Declaration(ModuleName("base"), replaces=(OTHER,)), declare("other", Desired.AUTO))
        await daemon.second()
        assert daemon.loader.begun() == ["base"]
        assert not daemon.store.memory.owed

    play(tmp_path, scenario)


def test_what_another_module_needs_is_owed_all_the_same(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.store.owe(ModuleName("base"))
        daemon.declare(declare("upper"), Declaration(OTHER, replaces=(ModuleName("base"),)))
        await daemon.second()
        assert daemon.kernel.present() == {"base", "upper"}
        assert daemon.status("other").condition is Condition.CONFLICT

    play(tmp_path, scenario)


def test_a_device_that_goes_while_its_module_is_out_ends_it(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        when = When(devices=(DISK,))
        daemon.declare(Declaration(OTHER, Desired.AUTO, when=when, when_gone=WhenGone.UNLOAD))
        daemon.devices.present = {DISK}
        daemon.kernel.insert("other")
        await daemon.second()
        daemon.store.owe(OTHER)
        daemon.kernel.remove("other")
        daemon.devices.present = set()
        await daemon.look(MODULES)
        await daemon.look(MODULES)
        assert not daemon.kernel.present()
        assert daemon.status("other").condition is Condition.CONDITION_UNMET

    play(tmp_path, scenario)


def test_what_somebody_else_took_out_first_is_not_brought_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.tree[SIZED] = module("sized", size=KernelParameter(mode=0o444))
        daemon.kernel.insert("sized")
        begin = daemon.kernel.begin

        def begin_too_late(request: Request) -> int:
            monkeypatch.undo()
            daemon.kernel.remove("sized")
            return begin(request)

        monkeypatch.setattr(daemon.kernel, "begin", begin_too_late)
        size = (Parameter("size", "5"),)
        daemon.declare(Declaration(SIZED, Desired.AUTO, size, ParameterPolicy.RELOAD))
        await daemon.second()
        assert [row.outcome for rows in daemon.finishes for row in rows] == [Outcome.UNCHANGED]
        assert not daemon.kernel.present()
        assert not daemon.store.memory.owed

    play(tmp_path, scenario)
