"""A Debian on emulated hardware with two processors: what comes of doing several things at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deb.build import built_package

from tests.support.images.recipe import SUITE, installed
from tests.support.uml.process import REPOSITORY
from tests.support.vm.boot import Boot
from tests.support.vm.booted import booted
from tests.support.vm.machine import VirtualMachine


@contextmanager
def machine() -> Iterator[VirtualMachine]:
    """With kmodd's own package, and the sources of the bench where they lie here.

    Raises ImageNotBuilt, ModulesNotBuilt or DebError where its disk cannot be made.
    """
    image = installed(built_package(suite=SUITE), SUITE)
    with VirtualMachine.resume(booted(Boot(image))) as vm:
        for source in (REPOSITORY / "bench").rglob("*.py"):
            _copy(vm, source)
        yield vm


def _copy(vm: VirtualMachine, source: Path) -> None:
    vm.run("mkdir", "--parents", str(source.parent)).check()
    vm.write(str(source), source.read_text())
