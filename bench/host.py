"""The host's side: a guest for every measurement, so that none sees what another left."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.documents import finding_from_json
from bench.measurement import Measurement
from bench.series import Finding
from tests.support.uml.machine import Machine
from tests.support.uml.process import REPOSITORY

_TIMEOUT_S = 1800.0


@contextmanager
def guest(memory_mib: int) -> Iterator[Machine]:
    """A machine with udevd, a bus, and kmodd installed."""
    with Machine.boot(memory_mib=memory_mib) as vm:
        _python(vm, "bench.guest.prepare")
        yield vm


def measure(measurement: Measurement, rounds: int) -> tuple[Finding, str]:
    """What the measurement finds in a guest of its own, and the release of its kernel."""
    with guest(measurement.memory_mib) as vm:
        release = vm.run("uname", "-r").check().stdout.strip()
        return finding_from_json(
            _python(vm, "bench.guest", "measure", measurement.name, str(rounds))
        ), release


def report(name: str) -> str:
    """A report, made in a guest of its own."""
    with guest(768) as vm:
        return _python(vm, "bench.guest", "report", name)


def _python(vm: Machine, module: str, *arguments: str) -> str:
    """Run a module of this checkout inside; AssertionError with its output when it fails."""
    environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
    command = (sys.executable, "-m", module, *arguments)
    return vm.run(*command, timeout_s=_TIMEOUT_S, environment=environment).check().stdout
