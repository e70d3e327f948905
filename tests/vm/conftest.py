"""Virtual machines with kmodd installed: booted once, each test goes on from there with one of its own."""

from collections.abc import Iterator

import pytest
from deb.build import built_package

from tests.support.guest.report import MACHINE, pytest_runtest_makereport
from tests.support.images import recipe
from tests.support.images.recipe import Image
from tests.support.vm.boot import Boot
from tests.support.vm.booted import booted
from tests.support.vm.machine import VirtualMachine
from tests.support.vm.snapshot import Snapshot

__all__ = ["pytest_runtest_makereport"]


@pytest.fixture(scope="session")
def image() -> Image:
    """The disk of a Debian on which the package of this tree is installed."""
    return recipe.installed(built_package())


@pytest.fixture(scope="session")
def snapshot(image: Image) -> Snapshot:
    """That Debian, up, with nothing declared."""
    return booted(Boot(image))


@pytest.fixture
def vm(snapshot: Snapshot, request: pytest.FixtureRequest) -> Iterator[VirtualMachine]:
    """A machine of the test's own; its console and kmodd's journal are shown when the test fails."""
    with VirtualMachine.resume(snapshot) as machine:
        request.node.stash[MACHINE] = machine
        yield machine
