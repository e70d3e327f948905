"""A machine that is up, booted once for all that it is made of: each test goes on from there in a second."""

import hashlib
import subprocess
from pathlib import Path

from deb.cache import cached

from tests.support.images.recipe import IMAGES
from tests.support.vm import boot as hardware
from tests.support.vm import disk
from tests.support.vm.boot import QEMU, Boot
from tests.support.vm.machine import VirtualMachine
from tests.support.vm.snapshot import Snapshot


def booted(boot: Boot) -> Snapshot:
    """A machine right after its start-up, kept beside the images; the newest stays."""
    return Snapshot(cached(IMAGES / "vm-booted", _key(boot), lambda path: _make(boot, path), keep=1), boot)


def _make(boot: Boot, directory: Path) -> None:
    directory.mkdir()
    with VirtualMachine.boot(boot) as machine:
        machine.keep(directory)


def _key(boot: Boot) -> str:
    """What the memory of such a machine depends on: the image is in the arguments, with its own hash."""
    version = subprocess.run([QEMU, "--version"], capture_output=True, check=True).stdout
    sources = map(Path, (hardware.__file__, disk.__file__))
    inputs = (version, *(source.read_bytes() for source in sources), *map(str.encode, boot.arguments()))
    return hashlib.sha256(repr(inputs).encode()).hexdigest()[:16]
