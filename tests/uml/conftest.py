"""One machine for the tests of a file; each test begins with the machine as it was after booting."""

from collections.abc import Generator, Iterator

import pytest

from tests.support.guest.channel import MachineLost
from tests.support.uml.machine import Machine

_MACHINE = pytest.StashKey[Machine]()


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine with udevd, a system bus and a module tree."""
    with Machine.boot() as booted:
        yield booted


@pytest.fixture
def vm(machine: Machine, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """The machine of the file, cleaned up behind the test; its logs are shown when the test fails."""
    request.node.stash[_MACHINE] = machine
    yield machine
    machine.reset()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what kmodd and the kernel said beside a failure."""
    report = yield
    machine = item.stash.get(_MACHINE, None)
    if call.when == "call" and machine is not None and report.failed:
        report.sections += [("kernel console", machine.console())]
        try:
            report.sections += [("kmodd", machine.log())]
        except MachineLost as lost:
            report.sections += [("kmodd", f"log lost: {lost}")]
    return report
