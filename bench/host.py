"""The host's side: where measurements run, and what comes back from there."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from deb.errors import DebError

from bench import debian, virtual
from bench.copied import Copy, unpacked
from bench.documents import finding_from_json
from bench.guest import units
from bench.guest.copy import pack
from bench.measurement import InDebian, InGuest, InVirtualMachine, Measurement, OnCopy, OnHost
from bench.registry import COPY_REPORTS, REPORTS
from bench.series import Finding
from tests.support.guest.machine import GuestMachine
from tests.support.images.modules import ModulesNotBuilt
from tests.support.images.recipe import ImageNotBuilt
from tests.support.uml.machine import Machine
from tests.support.uml.process import MODULES, REPOSITORY

MEMORY_MIB = 768
_TIMEOUT_S = 1800.0
_NO_DEBIAN = (DebError, ImageNotBuilt, ModulesNotBuilt)


@dataclass(frozen=True, slots=True)
class Inside:
    """A guest that sees this checkout, and its interpreter."""

    vm: GuestMachine
    python: str = sys.executable

    def call(self, function: Callable[..., Finding | str], *numbers: int) -> str:
        """What a function of this checkout comes to in there; AssertionError with its output if it fails."""
        return self.run("bench.guest", function.__module__, function.__qualname__, *map(str, numbers))

    def run(self, module: str, *arguments: str) -> str:
        """Output of ``python -m``."""
        environment = {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
        command = (self.python, "-m", module, *arguments)
        return self.vm.run(*command, timeout_s=_TIMEOUT_S, environment=environment).check().stdout


class Places:
    """For the length of a with block; every plain guest is a new one, that Debian is booted once or never."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._debian: Inside | None = None

    def __enter__(self) -> "Places":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def measure(self, measurement: Measurement, rounds: int) -> Finding:
        """What the measurement finds where it belongs; a note where there is no such place."""
        match measurement.place:
            case OnHost(measure):
                return measure(rounds)
            case OnCopy(measure):
                with _copy() as copy:
                    return measure(copy, rounds)
            case InGuest(measure, memory_mib):
                with _guest(memory_mib) as inside:
                    return finding_from_json(inside.call(measure, rounds))
            case InDebian() | InVirtualMachine():
                try:
                    return self._in_image(measurement.place, rounds)
                except _NO_DEBIAN as error:
                    return Finding((), (f"{measurement.name}: not measured, {error}",))

    def _in_image(self, place: InDebian | InVirtualMachine, rounds: int) -> Finding:
        if isinstance(place, InVirtualMachine):
            with virtual.machine() as vm:
                return finding_from_json(Inside(vm, debian.PYTHON).call(place.measure, rounds))
        inside = self._in_debian()
        found = finding_from_json(inside.call(place.measure, rounds))
        return Finding(found.comparisons, (*found.notes, inside.call(units.versions)))

    def _in_debian(self) -> Inside:
        if self._debian is None:
            self._debian = Inside(self._stack.enter_context(debian.machine()), debian.PYTHON)
        return self._debian


def kernel() -> str:
    """Release of the guest's kernel, as its module tree is named."""
    return ", ".join(sorted(path.name for path in MODULES.iterdir()))


def reports() -> Iterator[tuple[str, str]]:
    """Every report: name of the file, text."""
    for name, report in REPORTS.items():
        with _guest(MEMORY_MIB) as inside:
            yield name, inside.call(report)
    with _copy() as copy:
        for name, make in COPY_REPORTS.items():
            yield name, make(copy)


@contextmanager
def _copy() -> Iterator[Copy]:
    """A copy of what a guest with many modules shows; the guest itself is gone by then."""
    with _guest(MEMORY_MIB) as inside:
        text = inside.call(pack)
    with unpacked(text) as copy:
        yield copy


@contextmanager
def _guest(memory_mib: int) -> Iterator[Inside]:
    """A machine with udevd, a bus, and kmodd installed."""
    with Machine.boot(memory_mib=memory_mib) as vm:
        inside = Inside(vm)
        inside.run("bench.guest.prepare")
        yield inside
