"""Machines for the tests of a file: booting one is dear, so the tests of a file share it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from deb.build import built_package

from tests.support.debian.machine import DebianMachine
from tests.support.guest.report import MACHINE, pytest_runtest_makereport
from tests.support.images import recipe

__all__ = ["pytest_runtest_makereport"]

_TOLD = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def package() -> Path:
    """The package of this very tree."""
    return built_package(suite=recipe.SUITE)


@pytest.fixture(scope="module")
def machine(package: Path) -> Iterator[DebianMachine]:
    """A Debian with kmodd installed and nothing declared."""
    with DebianMachine.boot(recipe.installed(package)) as booted:
        yield booted


@pytest.fixture
def debian(machine: DebianMachine, request: pytest.FixtureRequest) -> DebianMachine:
    """The machine of the file as it is; its console and kmodd's journal are shown when the test fails."""
    request.node.stash[MACHINE] = machine
    return machine


@pytest.fixture
def vm(debian: DebianMachine) -> DebianMachine:
    """The machine of the file with a kmodd that has just started, and nothing left of other tests."""
    debian.start_afresh()
    return debian


@pytest.fixture
def told(request: pytest.FixtureRequest) -> list[str]:
    """Lines that stand in the output of the run, whatever comes of the test."""
    return request.config.stash.setdefault(_TOLD, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what tests told."""
    lines = config.stash.get(_TOLD, [])
    if lines:
        terminalreporter.section("what kmodd may do")
        for line in lines:
            terminalreporter.line(line)
