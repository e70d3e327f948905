"""What /sys/module says of a module (Documentation/ABI/testing/sysfs-module). Hostile text.

Imported by the loader: nothing heavy in here.
"""

from __future__ import annotations

import os
import stat

from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, is_parameter_name, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import Final

_PAGE: Final = 4096  # no attribute is longer (fs/sysfs/file.c)
_FEW: Final = 32
"""For more modules than these, one listing of all is quicker than a question for each."""


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


def list_parameters(sys: str, module: ModuleName) -> tuple[str, ...] | None:
    """Names of the files under /sys/module/NAME/parameters, in order; empty where there is no such directory.

    They are made before init runs and go with the module (kernel/module/sysfs.c): an instance keeps them.
    None: they cannot be listed now (EMFILE, ENOMEM), which says nothing of the instance.
    """
    try:
        return tuple(sorted(filter(is_parameter_name, os.listdir(_parameters(sys, module)))))
    except FileNotFoundError:
        return ()
    except OSError:
        return None


def read_parameters(sys: str, module: ModuleName, files: Iterable[str] | None = None) -> dict[str, str]:
    """Text of each readable parameter, or of those among ``files``. A read waits for a write under way."""
    texts = ((name, read_attribute(path)) for name, path in _paths(sys, module, files))
    return {name: text for name, text in texts if text is not None}


def read_writable(sys: str, module: ModuleName, files: Iterable[str] | None = None) -> frozenset[str]:
    """Names of the parameters whose file has a write bit. Reads none of them, so it never waits."""
    return frozenset(name for name, path in _paths(sys, module, files) if _has_write_bit(path))


def _paths(sys: str, module: ModuleName, files: Iterable[str] | None) -> list[tuple[str, str]]:
    """Name and path of each of ``files``, of all parameters where none are given."""
    directory = _parameters(sys, module)
    names = list_parameters(sys, module) or () if files is None else files
    return [(name, f"{directory}/{name}") for name in names]


def _parameters(sys: str, module: ModuleName) -> str:
    return f"{module_directory(sys, module)}/parameters"


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


def read_instances(sys: str, modules: Collection[ModuleName]) -> dict[ModuleName, int]:
    """The same for each of ``modules``, in order; a listing has the same numbers (fs/kernfs/dir.c)."""
    if len(modules) > _FEW:
        try:
            with os.scandir(f"{sys}/module") as entries:
                found = {entry.name: entry.inode() for entry in entries}
            return {module: found.get(module, 0) for module in modules}
        except OSError:
            pass  # a listing needs a file descriptor, which a question does not
    return {module: read_instance(sys, module) for module in modules}


def read_lockdown(sys: str) -> str:
    """The word in brackets of /sys/kernel/security/lockdown; "" where the kernel has no lockdown.

    security/lockdown/lockdown.c lists all levels and puts the one in force into brackets.
    """
    listed = read_attribute(f"{sys}/kernel/security/lockdown") or ""
    return listed.partition("[")[2].partition("]")[0]


def read_signatures_enforced(sys: str) -> bool:
    """Whether a module needs a signature that the kernel knows (kernel/module/signing.c)."""
    return read_attribute(f"{sys}/module/module/parameters/sig_enforce") == "Y"
