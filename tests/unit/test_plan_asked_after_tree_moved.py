"""A plan that somebody asks for changes nothing, and hides nothing from the pass after it."""

from pathlib import Path

from kmodd.events.trigger import Look
from kmodd.model import Desired
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.daemon import SimulatedDaemon, declare, play


def test_a_denial_is_proved_anew_although_a_plan_saw_the_change_first(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("dummy", Desired.DENIED))
        await daemon.second()
        assert daemon.status("dummy").condition is Condition.DENIED
        daemon.loader.open_ways[ModuleName("dummy")] = ("dummy",)
        (daemon.tree / "modules.softdep").write_text("softdep dummy pre: other\n")
        await daemon.reconciler.plan()
        await daemon.look(Look(full=True))
        assert daemon.status("dummy").condition is Condition.CONFLICT
        proved = len(daemon.loader.restraints)
        await daemon.look(Look(full=True))
        assert len(daemon.loader.restraints) == proved

    play(tmp_path, scenario)
