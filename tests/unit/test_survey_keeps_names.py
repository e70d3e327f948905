"""The names of an instance's parameter files are listed once, its values read as often as they may change."""

from collections import Counter
from pathlib import Path

import pytest

from kmodd.events.trigger import EVERYTHING
from kmodd.names import ModuleName
from tests.support.daemon import SimulatedDaemon, declare, play, with_parameters

BASE, DUMMY = ModuleName("base"), ModuleName("dummy")


def test_an_instance_is_listed_once_and_the_next_one_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        files = daemon.kernel.parameter_files
        listed: Counter[ModuleName] = Counter()

        def counted(module: ModuleName) -> tuple[str, ...]:
            listed[module] += 1
            return files(module)

        monkeypatch.setattr(daemon.kernel, "parameter_files", counted)
        daemon.declare(with_parameters("dummy", level="2"), declare("base"))
        await daemon.reconciler.reconcile()
        assert listed == {BASE: 1, DUMMY: 1}
        daemon.kernel.poke("dummy", "level", "7")
        daemon.trigger.notify(EVERYTHING)
        await daemon.reconciler.reconcile()
        assert daemon.kernel.parameters(DUMMY)["level"] == "2"
        assert listed == {BASE: 1, DUMMY: 1}
        daemon.kernel.remove("dummy")
        daemon.trigger.notify(EVERYTHING)
        await daemon.reconciler.reconcile()
        assert listed == {BASE: 1, DUMMY: 2}

    play(tmp_path, scenario)


def test_what_could_not_be_listed_once_is_listed_by_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        files = daemon.kernel.parameter_files
        daemon.kernel.insert("dummy", "level=2")
        monkeypatch.setattr(daemon.kernel, "parameter_files", lambda _module: None)
        daemon.declare(declare("dummy"))
        await daemon.reconciler.reconcile()
        assert not daemon.reconciler.snapshot.statuses[DUMMY].parameters
        monkeypatch.setattr(daemon.kernel, "parameter_files", files)
        daemon.trigger.notify(EVERYTHING)
        await daemon.reconciler.reconcile()
        assert daemon.reconciler.snapshot.statuses[DUMMY].parameters["level"] == "2"

    play(tmp_path, scenario)
