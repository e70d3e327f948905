"""The loop never reads a parameter while a child of kmodd writes one: it would wait as long as that takes."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from kmodd.names import ModuleName
from tests.support.daemon import CONFIG, SimulatedDaemon, declare, play, with_parameters

BASE, DUMMY = ModuleName("base"), ModuleName("dummy")


def test_a_write_that_begins_while_the_module_tree_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        read = daemon.kernel.parameters
        waited: list[ModuleName] = []

        def parameters(module: ModuleName, files: Iterable[str] | None = None) -> Mapping[str, str]:
            if module == DUMMY and module in daemon.store.memory.in_flight:
                waited.append(module)
            return read(module, files)

        monkeypatch.setattr(daemon.kernel, "parameters", parameters)
        settings = daemon.catalog.settings._replace(parallel_loads=1)
        daemon.catalog = daemon.catalog._replace(settings=settings)
        daemon.kernel.insert("dummy")
        gates = {BASE: asyncio.Event(), DUMMY: asyncio.Event()}
        daemon.loader.gates.update(gates)
        declared = (with_parameters("dummy", level="2"), declare("base"))
        daemon.declare(*declared)
        await daemon.second()
        assert daemon.loader.begun() == ["base"]
        daemon.loader.lookup_s = 0.5
        daemon.declare(*declared, declare("other"))
        daemon.trigger.notify(CONFIG)
        await asyncio.sleep(0.2)
        gates[BASE].set()
        await daemon.second()
        assert daemon.loader.begun()[:2] == ["base", "dummy"]
        assert not waited

    play(tmp_path, scenario)
