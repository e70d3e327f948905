"""Everybody may ask for any module in the kernel; where its file cannot be read, only who asks is told."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.trigger import EVERYTHING, Look
from kmodd.model import ModuleInfo
from kmodd.names import ModuleName
from tests.support.daemon import CONFIG, SimulatedDaemon, declare, lost, play

DUMMY = ModuleName("dummy")


def break_file(daemon: SimulatedDaemon, monkeypatch: pytest.MonkeyPatch, broken: ModuleName) -> None:
    """Whoever looks this module up loses the loader's child."""
    lookup = daemon.loader.lookup

    async def look_up(
        names: Iterable[ModuleName], *, with_modinfo: frozenset[ModuleName] = frozenset()
    ) -> Mapping[ModuleName, ModuleInfo]:
        asked = tuple(names)
        if broken in asked:
            raise lost(ErrorKind.LOADER_LOST)
        return await lookup(asked, with_modinfo=with_modinfo)

    monkeypatch.setattr(daemon.loader, "lookup", look_up)


def test_its_file_ends_the_loaders_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("dummy")
        break_file(daemon, monkeypatch, DUMMY)
        daemon.declare(declare("base"))
        await daemon.second()
        with pytest.raises(KmoddError, match="for a test"):
            await daemon.reconciler.include(DUMMY)
        daemon.declare(declare("other"))
        await daemon.look(CONFIG)
        assert daemon.kernel.present() >= {"other"}
        assert not daemon.snapshot.problem

    play(tmp_path, scenario)


def test_its_file_breaks_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("dummy")
        await daemon.second()
        assert await daemon.reconciler.include(DUMMY) is not None
        break_file(daemon, monkeypatch, DUMMY)
        (daemon.tree / "modules.softdep").touch()
        daemon.declare(declare("other"))
        await daemon.look(EVERYTHING)
        assert daemon.kernel.present() >= {"other"}
        assert "dummy" not in daemon.snapshot.statuses
        monkeypatch.undo()
        await daemon.look(Look(full=True))
        assert await daemon.reconciler.include(DUMMY) is not None

    play(tmp_path, scenario)
