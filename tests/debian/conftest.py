"""Machines for the tests of a file: booting one is dear, so the tests of a file share it."""

from collections.abc import Iterator

import pytest

from tests.support.debian.machine import DebianMachine
from tests.support.guest.report import MACHINE, pytest_runtest_makereport
from tests.support.images import recipe

__all__ = ["pytest_runtest_makereport"]


@pytest.fixture(scope="module")
def machine() -> Iterator[DebianMachine]:
    """A Debian without kmodd."""
    with DebianMachine.boot(recipe.base()) as booted:
        yield booted


@pytest.fixture
def debian(machine: DebianMachine, request: pytest.FixtureRequest) -> DebianMachine:
    """The machine of the file; its console and kmodd's journal are shown when the test fails."""
    request.node.stash[MACHINE] = machine
    return machine
