"""User Mode Linux of another Debian, made to run on this one without a chroot.

It needs the C library of its own suite, which may be newer than this machine's. So library and dynamic loader
stand beside it, and a copy of the kernel names its loader (ELF's PT_INTERP) by a path relative to the working
directory. Calling the loader by hand does not do: UML finds its memory behind the program that was executed.
"""

import shutil
from pathlib import Path

_LOADER = Path("lib64/ld-linux-x86-64.so.2")
_LIBRARY = Path("lib/x86_64-linux-gnu/libc.so.6")
_KERNEL = Path("usr/bin/linux.uml")


class KernelNotUnderstood(Exception):
    """The kernel of that suite does not name its loader as expected."""


def copy_uml_kernel(tree: Path, directory: Path) -> None:
    """Kernel (``linux``), loader and library of a Debian's tree, into a new directory."""
    directory.mkdir()
    for name in (_LOADER, _LIBRARY):
        shutil.copyfile(tree / name, directory / name.name)
        (directory / name.name).chmod(0o755)
    kernel = directory / "linux"
    kernel.write_bytes(_with_loader_beside_it((tree / _KERNEL).read_bytes()))
    kernel.chmod(0o755)


def _with_loader_beside_it(program: bytes) -> bytes:
    """The same program, its loader in the working directory."""
    absolute = f"/{_LOADER}\0".encode()
    if program.count(absolute) != 1:
        raise KernelNotUnderstood(f"{_KERNEL} does not name {_LOADER} as its loader, once")
    return program.replace(absolute, f"./{_LOADER.name}".encode().ljust(len(absolute), b"\0"))
