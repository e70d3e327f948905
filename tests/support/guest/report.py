"""What a machine said, beside the failure of a test that used it; a tier's conftest takes the hook over."""

from collections.abc import Generator

import pytest

from tests.support.guest.channel import MachineLost
from tests.support.guest.machine import GuestMachine

MACHINE = pytest.StashKey[GuestMachine]()
"""The machine of a test, put there by the fixture that hands it over."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what kmodd and the kernel said beside a failure."""
    report = yield
    machine = item.stash.get(MACHINE, None)
    if call.when == "call" and machine is not None and report.failed:
        report.sections += [("kernel console", machine.console())]
        try:
            report.sections += [("kmodd", machine.log())]
        except MachineLost as lost:
            report.sections += [("kmodd", f"log lost: {lost}")]
    return report
