"""What the daemon needs of the kernel side, as protocols: the real one and the simulated one are told apart nowhere else."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from kmodd.model import ModuleInfo, ModuleName, ObservedModule, Report, Request


class KernelReader(Protocol):
    """Reads the running kernel; every call reads anew, nothing is cached."""

    def release(self) -> str:
        """Kernel release as uname(2) gives it."""

    def modules(self) -> Mapping[ModuleName, ObservedModule]:
        """Every module that /proc/modules lists, without parameters. Raises NO_MODULE_SUPPORT."""

    def parameters(self, module: ModuleName) -> Mapping[str, str]:
        """Text of each readable file under /sys/module/NAME/parameters; empty where there is none."""

    def has_sysfs(self, module: ModuleName) -> bool:
        """Whether /sys/module/NAME exists: it does for what is loaded, and for a builtin with parameters."""


class Loader(Protocol):
    """Carries out one request at a time, many at once, each in a process of its own."""

    async def perform(self, request: Request) -> Report:
        """Carry out ``request``; the report is a claim, to be verified. Raises LOADER_LOST, NO_LIBKMOD."""

    async def lookup(self, names: Iterable[ModuleName], *, with_types: frozenset[ModuleName] = frozenset()) -> Mapping[ModuleName, ModuleInfo]:
        """What the module tree knows of ``names`` (one answer for each); modinfo is read only for ``with_types``.

        Raises NO_MODULE_TREE, NO_LIBKMOD, LOADER_LOST.
        """
