"""A parameter that the module does not take keeps no other one from being guarded."""

import asyncio
from pathlib import Path

from kmodd.events.trigger import Look
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.daemon import SimulatedDaemon, play, with_parameters
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated_kernel import module

M = ModuleName("m")
WRITTEN = Look(parameters=frozenset((M,)))


async def refused(daemon: SimulatedDaemon) -> None:
    """In the kernel, with one value that it refuses and two that it takes, one of them unreadable."""
    level = KernelParameter()
    daemon.kernel.tree[M] = module("m", bad=level, good=level, hidden=KernelParameter(mode=0o200))
    daemon.kernel.insert("m")
    daemon.declare(with_parameters("m", bad="many", good="3", hidden="4"))
    await daemon.second()
    assert daemon.status("m").message.startswith("bad is '0', wanted 'many'; bad-parameter: ")
    assert daemon.kernel.value("m", "good") == "3"


def test_the_others_are_put_right_again(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await refused(daemon)
        daemon.kernel.poke("m", "good", "9")
        await daemon.look(WRITTEN)
        assert daemon.kernel.value("m", "good") == "3"
        assert daemon.status("m").condition is Condition.DRIFTED

    play(tmp_path, scenario)


def test_not_for_ever_where_somebody_insists(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await refused(daemon)
        for _ in range(20):
            daemon.kernel.poke("m", "good", "9")
            await daemon.look(WRITTEN)
        assert len(daemon.loader.begun()) < 25
        assert "undone each time" in daemon.status("m").message

    play(tmp_path, scenario)


def test_what_is_refused_is_not_tried_again_and_again(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await refused(daemon)
        tried = len(daemon.loader.begun())
        await asyncio.sleep(10_000)
        assert len(daemon.loader.begun()) == tried

    play(tmp_path, scenario)
