"""A module that is in use by something unknown: its holders are taken out once to find out, not for ever."""

import asyncio
from pathlib import Path

from kmodd.model import Declaration, Desired, Parameter, ParameterPolicy
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.daemon import SimulatedDaemon, declare, play
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated_kernel import module

M, HOLDER = ModuleName("m"), ModuleName("holder")


async def in_use(daemon: SimulatedDaemon) -> None:
    """A reload that the kernel refuses once the holder is out."""
    daemon.kernel.tree[M] = module("m", size=KernelParameter(mode=0o444))
    daemon.kernel.tree[HOLDER] = module("holder", "m")
    daemon.kernel.insert("holder")
    daemon.kernel.use("m", 2)
    size = (Parameter("size", "5"),)
    daemon.declare(Declaration(M, Desired.LOADED, size, ParameterPolicy.RELOAD), declare("holder"))
    await daemon.second()


def test_once_and_not_for_ever(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await in_use(daemon)
        await asyncio.sleep(10_000)
        assert daemon.loader.begun() == ["holder", "m", "holder"]
        assert daemon.status("holder").condition is Condition.IN_SYNC
        assert daemon.status("m").condition is Condition.RELOAD_PENDING
        assert daemon.status("m").blockers == ("unattributed: 2",)

    play(tmp_path, scenario)


def test_again_when_a_reference_is_gone(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await in_use(daemon)
        await asyncio.sleep(10_000)
        daemon.kernel.use("m", 0)
        await asyncio.sleep(1000)
        assert daemon.conditions() == {"m": Condition.IN_SYNC, "holder": Condition.IN_SYNC}
        assert daemon.kernel.value("m", "size") == "5"

    play(tmp_path, scenario)
