"""What a survey is going to read is watched before it is read."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from kmodd.core.memory import Memory
from kmodd.daemon.inventory import Inventory
from kmodd.daemon.survey import Survey
from kmodd.events.trigger import EVERYTHING
from kmodd.kernel.roots import Roots
from kmodd.model import Catalog, Declaration, When
from kmodd.names import ModuleName
from tests.support.daemon import StubDevices
from tests.support.simulated import SimulatedLoader
from tests.support.simulated_kernel import SimulatedKernel, module

A = ModuleName("a")


class Sly:
    """Hints that make a path appear as soon as it is watched, which nobody is going to tell of."""

    def __init__(self) -> None:
        self.made: set[str] = set()

    def follow(self, instances: Mapping[ModuleName, int], paths: Iterable[str]) -> None:
        """Make what is not there yet."""
        del instances
        for path in set(paths) - self.made:
            Path(path).touch()
            self.made.add(path)


def test_a_path_that_appears_as_soon_as_it_is_watched_is_seen(tmp_path: Path) -> None:
    (tmp_path / "sys/kernel").mkdir(parents=True)
    (tmp_path / "sys/kernel/osrelease").write_text("6.12.0-simulated")
    (tmp_path / "cmdline").touch()
    roots = Roots(proc=str(tmp_path), sys=str(tmp_path))
    kernel, devices = SimulatedKernel([module("a")]), StubDevices()
    loader = SimulatedLoader(kernel)
    inventory = Inventory(loader, tmp_path / "inventory.json", tmp_path, ())
    survey = Survey(roots, kernel, inventory, devices, devices, Sly())
    when = When(path_exists=(str(tmp_path / "flag"),))
    catalog = Catalog(declarations=(Declaration(A, when=when),))
    found = asyncio.run(survey.look(catalog, EVERYTHING, Memory()))
    assert not found.desired.modules[A].unmet
