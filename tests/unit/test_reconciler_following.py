"""Passes of the daemon on a simulated kernel: modules that follow devices, and what has to get ready."""

from pathlib import Path

from kmodd.events.trigger import Look
from kmodd.model import Declaration, DeviceMatch, Ready, When, WhenGone
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.daemon import CONFIG, SimulatedDaemon, declare, play
from tests.support.simulated_kernel import module

BASE, MID, CARD = map(ModuleName, ("base", "mid", "card"))
TREE = (module("base"), module("mid", "base"), module("card"))
USB = DeviceMatch(subsystem="usb")


def follows_usb() -> Declaration:
    return declare("card", when=When(devices=(USB,)))._replace(when_gone=WhenGone.UNLOAD)


def test_it_follows_its_last_device_also_over_a_restart(tmp_path: Path) -> None:
    async def plugged(daemon: SimulatedDaemon) -> None:
        daemon.devices.present.add(USB)
        daemon.declare(follows_usb())
        await daemon.second()
        assert CARD in daemon.kernel.present()

    async def restarted(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("card")
        daemon.declare(follows_usb())
        await daemon.second()
        assert CARD not in daemon.kernel.present()
        assert daemon.status("card").condition is Condition.CONDITION_UNMET

    play(tmp_path, plugged, TREE)
    play(tmp_path, restarted, TREE)


def test_a_device_that_was_never_there_takes_nothing_out(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("card")
        daemon.declare(follows_usb())
        await daemon.second()
        assert CARD in daemon.kernel.present()
        assert not daemon.loader.begun()

    play(tmp_path, scenario, TREE)


def test_while_a_device_is_awaited_its_coming_is_to_be_followed_at_once(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(follows_usb())
        await daemon.look(CONFIG)
        seen = [daemon.snapshot.expecting]
        for paused in (True, False):
            await daemon.facade.pause(paused=paused)
            seen.append(daemon.snapshot.expecting)
        daemon.devices.present.add(USB)
        await daemon.look(Look(all_devices=True))
        assert CARD in daemon.kernel.present()
        assert [*seen, daemon.snapshot.expecting] == [True, False, True, False]

    play(tmp_path, scenario, TREE)


def test_dependants_go_on_when_it_is_ready(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        path = tmp_path / "there"
        daemon.declare(declare("card")._replace(ready=Ready(path_exists=str(path))), declare("base"))
        daemon.declare(*daemon.catalog.declarations, Declaration(MID, requires=(CARD,)))
        await daemon.second()
        assert daemon.loader.begun() == [BASE, CARD]
        assert daemon.status("card").condition is Condition.LOADING
        path.touch()
        await daemon.look(Look(retry=True))
        assert daemon.loader.begun() == [BASE, CARD, MID]
        assert daemon.status("card").condition is Condition.IN_SYNC

    play(tmp_path, scenario, TREE)


def test_what_never_gets_ready_is_said_without_an_event(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("card")._replace(ready=Ready(path_exists=str(tmp_path / "never"))))
        await daemon.second()
        await daemon.until(lambda: daemon.status("card").condition is Condition.FAILED)

    play(tmp_path, scenario, TREE)
