"""Modules put in and taken out by hand: what loading them costs when nobody thinks about it."""

import ctypes
import os
import time
from collections.abc import Callable, Mapping, Sequence
from errno import EEXIST
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from bench.guest import modules

_LIBC = ctypes.CDLL(None, use_errno=True)
_FINIT_MODULE, _DELETE_MODULE = 313, 176
"""x86-64, as the guest is (arch/x86/entry/syscalls/syscall_64.tbl)."""

_COMPRESSED_FILE = 4
"""MODULE_INIT_COMPRESSED_FILE (include/uapi/linux/module.h): the kernel takes it apart."""

_POLL_S = 0.002
SPARING_POLL_S = 0.02
"""For who waits long. No event tells that a module is live, and where there is one processor, whoever looks
takes it from those that are waited for: a look each 2 ms took a tenth of it."""

_PATIENCE_S = 60.0

T = TypeVar("T")


class Insertion:
    """Modules with all that they need, none of which is in the kernel to begin with."""

    def __init__(self, names: Sequence[str], options: Mapping[str, str] = MappingProxyType({})) -> None:
        """``options``: what the modules that have some get of modprobe; by hand they get the same."""
        self.names = tuple(names)
        self._options = options
        self._files = modules.files(names)
        self._modules = tuple(map(modules.module_of, self._files))

    @property
    def count(self) -> int:
        """How many modules these are, needs included."""
        return len(self._files)

    def by_hand(self) -> float:
        """Insert all, needs first; the seconds inside of finit_module(2)."""
        return sum(insert(file, self._options.get(modules.module_of(file), "")) for file in self._files)

    def wait(self, poll_s: float = _POLL_S) -> None:
        """Until all are live; one after the other, because who has become live stays so."""
        deadline_s = time.monotonic() + _PATIENCE_S
        for module in self._modules:
            while not _is_live(module):
                if time.monotonic() > deadline_s:
                    raise TimeoutError(f"not live: {module}")
                time.sleep(poll_s)

    def from_nothing(self, part: Callable[[], T]) -> Callable[[], T]:
        """``part`` with none of the modules there before, all there after it, and none left."""

        def measured() -> T:
            result = part()
            self.wait()
            self.remove()
            return result

        return measured

    def remove(self) -> None:
        """Take out those that are in, holders first."""
        there = frozenset(modules.loaded())
        for file in reversed(self._files):
            if modules.module_of(file) in there:
                remove(modules.module_of(file))


def insertable(count: int) -> Insertion:
    """``count`` modules from all over the harmless ones that can be put in and taken out at will."""
    names: list[str] = []
    absent = [name for name in modules.harmless() if name not in modules.loaded()]
    for name in sorted(absent, key=lambda each: each[::-1]):  # mixes directories, the same way each time
        if len(names) < count and _comes_and_goes(name):
            names.append(name)
    if len(names) < count:
        raise LookupError(f"only {len(names)} modules come and go here, {count} were wanted")
    return Insertion(names)


def insert(file: Path, options: str = "") -> float:
    """finit_module(2) with ``options``; the seconds that it takes. Raises OSError."""
    flags = 0 if file.suffix == ".ko" else _COMPRESSED_FILE
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        began_s = time.perf_counter()
        result = _LIBC.syscall(_FINIT_MODULE, descriptor, options.encode(), flags)
        seconds = time.perf_counter() - began_s
    finally:
        os.close(descriptor)
    if result and ctypes.get_errno() != EEXIST:
        raise OSError(ctypes.get_errno(), f"{file.name} cannot be inserted")
    return seconds


def remove(name: str) -> None:
    """delete_module(2). Raises OSError."""
    if _LIBC.syscall(_DELETE_MODULE, name.encode(), os.O_NONBLOCK):
        raise OSError(ctypes.get_errno(), f"{name} cannot be taken out")


def _comes_and_goes(name: str) -> bool:
    one = Insertion((name,))
    try:
        one.by_hand()
        one.remove()
    except OSError:
        return False
    return not frozenset(modules.loaded()) & {name}


def _is_live(module: str) -> bool:
    """By the state that the kernel gives it (Documentation/ABI/stable/sysfs-module)."""
    try:
        return Path(f"/sys/module/{module}/initstate").read_text() == "live\n"
    except OSError:  # it is not there, or not any more
        return False
