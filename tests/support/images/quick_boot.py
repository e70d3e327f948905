"""An initramfs that mounts the disk and does nothing else: emulated, Debian's own takes a third of a boot.

What is about the initramfs is tested with Debian's (tests/vm/test_initramfs.py).
"""

import lzma
from collections.abc import Iterator
from pathlib import Path

from tests.support.initramfs import DIRECTORY, archive, entry

_PROGRAM = 0o100755
_MODULES = ("virtio_pci", "virtio_blk", "ext4")
_LIBRARIES = "usr/lib"
_PROGRAMS = "usr/lib/klibc/bin"
_USED = ("sh", "mount", "insmod", "run-init")
_INIT = """\
#!/bin/sh
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod $module; done
mount -t ext4 -o rw /dev/vda /root
mount -o move /dev /root/dev
exec run-init -c /dev/console /root /sbin/init
"""


def question(release: str) -> tuple[str, ...]:
    """The command that says, inside the tree, what is to be loaded, and in which order (modprobe(8))."""
    return ("modprobe", "--show-depends", "--set-version", release, "--all", *_MODULES)


def initramfs(tree: Path, answer: str) -> bytes:
    """An archive for the kernel that was asked about."""
    lines = [line.split() for line in answer.splitlines()]
    modules = list(dict.fromkeys(words[1] for words in lines if words[0] == "insmod"))
    return archive(*_entries(tree, modules))


def _entries(tree: Path, modules: list[str]) -> Iterator[bytes]:
    for name in ("bin", "dev", "modules", "root", "usr", "usr/lib"):
        yield entry(name.encode(), mode=DIRECTORY)
    yield entry(b"init", _INIT.encode(), _PROGRAM)
    for name in _USED:
        yield entry(f"bin/{name}".encode(), (tree / _PROGRAMS / name).read_bytes(), _PROGRAM)
    for library in (tree / _LIBRARIES).glob("klibc-*.so"):
        yield entry(f"{_LIBRARIES}/{library.name}".encode(), library.read_bytes(), _PROGRAM)
    for number, path in enumerate(modules):
        yield entry(f"modules/{number:02}.ko".encode(), _uncompressed(tree / path.removeprefix("/")))


def _uncompressed(path: Path) -> bytes:
    """Debian 13 compresses modules, 12 does not."""
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
