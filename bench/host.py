"""The host's side: a guest for every measurement, so that none sees what another left."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.copied import Copy, unpacked
from bench.documents import finding_from_json
from bench.measurement import AnyMeasurement, CopyMeasurement, HostMeasurement
from bench.registry import COPY_REPORTS, REPORTS
from bench.series import Finding
from tests.support.uml.machine import Machine
from tests.support.uml.process import MODULES, REPOSITORY

MEMORY_MIB = 768
_TIMEOUT_S = 1800.0


def kernel() -> str:
    """Release of the guest's kernel, as its module tree is named."""
    return ", ".join(sorted(path.name for path in MODULES.iterdir()))


def measure(measurement: AnyMeasurement, rounds: int) -> Finding:
    """What the measurement finds: in a guest of its own, on a copy of one, or without any."""
    if isinstance(measurement, HostMeasurement):
        return measurement.measure(rounds)
    if isinstance(measurement, CopyMeasurement):
        with _copy() as copy:
            return measurement.measure(copy, rounds)
    with _guest(measurement.memory_mib) as vm:
        return finding_from_json(_run(vm, "bench.guest", "measure", measurement.name, str(rounds)))


def reports() -> Iterator[tuple[str, str]]:
    """Every report: name of the file, text."""
    for name in REPORTS:
        with _guest(MEMORY_MIB) as vm:
            yield name, _run(vm, "bench.guest", "report", name)
    with _copy() as copy:
        for name, make in COPY_REPORTS.items():
            yield name, make(copy)


@contextmanager
def _copy() -> Iterator[Copy]:
    """A copy of what a guest with many modules shows; the guest itself is gone by then."""
    with _guest(MEMORY_MIB) as vm:
        text = _run(vm, "bench.guest", "copy")
    with unpacked(text) as copy:
        yield copy


@contextmanager
def _guest(memory_mib: int) -> Iterator[Machine]:
    """A machine with udevd, a bus, and kmodd installed."""
    with Machine.boot(memory_mib=memory_mib) as vm:
        _run(vm, "bench.guest.prepare")
        yield vm


def _run(vm: Machine, module: str, *arguments: str) -> str:
    """Run a module of this checkout inside; AssertionError with its output when it fails."""
    environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
    command = (sys.executable, "-m", module, *arguments)
    return vm.run(*command, timeout_s=_TIMEOUT_S, environment=environment).check().stdout
