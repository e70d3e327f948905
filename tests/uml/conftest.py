"""One machine for the tests of a file; each test begins with the machine as it was after booting."""

from collections.abc import Iterator

import pytest

from tests.support.guest.report import MACHINE, pytest_runtest_makereport
from tests.support.uml.machine import Machine

__all__ = ["pytest_runtest_makereport"]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine with udevd, a system bus and a module tree."""
    with Machine.boot() as booted:
        yield booted


@pytest.fixture
def vm(machine: Machine, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """The machine of the file, cleaned up behind the test; its logs are shown when the test fails."""
    request.node.stash[MACHINE] = machine
    yield machine
    machine.reset()
