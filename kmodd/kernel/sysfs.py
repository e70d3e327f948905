"""What /sys/module says of a module (Documentation/ABI/testing/sysfs-module). Hostile text.

Imported by the loader: nothing heavy in here.
"""

from __future__ import annotations

import os
import stat
from typing import Final

from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, is_parameter_name, printable

_PAGE: Final = 4096  # no attribute is longer (fs/sysfs/file.c)


class Attributes(NamedTuple):
    """Single files of a module's directory, "" where there is none.

    ``initstate`` is live, coming or going; a builtin has no such file.
    """

    initstate: str = ""
    version: str = ""
    srcversion: str = ""
    taint: str = ""


def module_directory(sys: str, module: ModuleName) -> str:
    """Path of /sys/module/NAME."""
    return f"{sys}/module/{module}"


def read_attribute(path: str) -> str | None:
    """Text of one file without its last newline, escaped; None where it is not there or cannot be read.

    O_NONBLOCK means nothing to sysfs and keeps a FIFO in its place from holding us up.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        raw = os.read(fd, _PAGE)
    except OSError:
        return None
    finally:
        os.close(fd)
    return printable(raw.decode("utf-8", "replace").removesuffix("\n"))


def read_parameters(sys: str, module: ModuleName) -> dict[str, str]:
    """Text of each readable parameter; empty where there is none. A read waits for a write under way."""
    texts = ((name, read_attribute(path)) for name, path in _parameter_files(sys, module))
    return {name: text for name, text in texts if text is not None}


def read_writable(sys: str, module: ModuleName) -> frozenset[str]:
    """Names of the parameters whose file has a write bit. Reads none of them, so it never waits."""
    return frozenset(name for name, path in _parameter_files(sys, module) if _has_write_bit(path))


def _parameter_files(sys: str, module: ModuleName) -> list[tuple[str, str]]:
    """Name and path of each parameter, in order; empty where there is none."""
    directory = f"{module_directory(sys, module)}/parameters"
    try:
        names = sorted(filter(is_parameter_name, os.listdir(directory)))
    except OSError:
        return []
    return [(name, f"{directory}/{name}") for name in names]


def _has_write_bit(path: str) -> bool:
    try:
        mode = os.stat(path, follow_symlinks=False).st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & 0o222)


def read_attributes(sys: str, module: ModuleName) -> Attributes:
    """The single files of a module's directory."""
    directory = module_directory(sys, module)
    return Attributes(*(read_attribute(f"{directory}/{name}") or "" for name in Attributes._fields))


def read_instance(sys: str, module: ModuleName) -> int:
    """Inode of the module's directory, 0 where there is none."""
    try:
        return os.stat(module_directory(sys, module)).st_ino
    except OSError:
        return 0


def read_lockdown(sys: str) -> str:
    """The word in brackets of /sys/kernel/security/lockdown; "" where the kernel has no lockdown.

    security/lockdown/lockdown.c lists all levels and puts the one in force into brackets.
    """
    listed = read_attribute(f"{sys}/kernel/security/lockdown") or ""
    return listed.partition("[")[2].partition("]")[0]


def read_signatures_enforced(sys: str) -> bool:
    """Whether a module needs a signature that the kernel knows (kernel/module/signing.c)."""
    return read_attribute(f"{sys}/module/module/parameters/sig_enforce") == "Y"
