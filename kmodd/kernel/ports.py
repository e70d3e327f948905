"""What the daemon needs of the kernel side, as protocols; a simulated kernel fits in here too."""

from collections.abc import Collection, Container, Iterable, Mapping
from typing import Protocol

from kmodd.intent import Note
from kmodd.model import ModuleInfo, ObservedModule, Report, Request, Restraint, Security, Symbols, User
from kmodd.names import ModuleName


class KernelReader(Protocol):
    """Reads the running kernel; every call reads anew, nothing is cached."""

    def release(self) -> str:
        """Kernel release as uname(2) gives it."""

    def modules(self, only: Container[ModuleName] | None = None) -> Mapping[ModuleName, ObservedModule]:
        """Modules that /proc/modules lists, all or those of ``only``, without parameters.

        Raises NO_MODULE_SUPPORT.
        """

    def parameter_files(self, module: ModuleName) -> tuple[str, ...] | None:
        """Names of its parameter files, the same as long as the instance lives; None: not to be had now."""

    def parameters(self, module: ModuleName, files: Iterable[str] | None = None) -> Mapping[str, str]:
        """Text of each of ``files`` that can be read, of all parameter files where none are given."""

    def writable(self, module: ModuleName, files: Iterable[str] | None = None) -> frozenset[str]:
        """Names of those that have a write bit, asked for as parameters() is."""

    def security(self) -> Security:
        """What the kernel permits at all."""

    def instance(self, module: ModuleName) -> int:
        """Inode of /sys/module/NAME, 0 where there is none: another number means that it was loaded anew.

        A builtin has one too if it has parameters or a version (kernel/params.c).
        """

    def instances(self, modules: Collection[ModuleName]) -> Mapping[ModuleName, int]:
        """The instance of each of ``modules``, in order."""


class Performer(Protocol):
    """Carries out one request at a time, many at once, each in a process of its own."""

    async def perform(self, request: Request, note: Note | None = None) -> Report:
        """Carry out ``request`` after writing down its intent; the report is a claim, to be verified.

        Raises LOADER_LOST, NO_LIBKMOD.
        """


class Loader(Performer, Protocol):
    """All that is done with libkmod.

    ``modprobe_file`` is the file that kmodd generates: ``lookup`` leaves it out, ``restraint`` is about it.
    """

    modprobe_file: str

    async def lookup(
        self, names: Iterable[ModuleName], *, with_modinfo: frozenset[ModuleName] = frozenset()
    ) -> Mapping[ModuleName, ModuleInfo]:
        """What the module tree knows of ``names``, one answer each; reads files only for ``with_modinfo``.

        Raises NO_MODULE_TREE, NO_LIBKMOD, LOADER_LOST.
        """

    async def restraint(self, denied: Iterable[ModuleName], rendered: Iterable[ModuleName]) -> Restraint:
        """What the generated file comes to: proofs for ``denied``, options for ``rendered``.

        Raises NO_MODULE_TREE, NO_LIBKMOD, LOADER_LOST.
        """

    async def users(self, names: Iterable[ModuleName]) -> Mapping[ModuleName, tuple[User, ...]]:
        """What uses each of ``names`` and is no module, as far as it can be found out. Raises LOADER_LOST."""

    async def digests(self, paths: Iterable[str]) -> Mapping[str, str]:
        """Digest of each file, as intents have it, without those that cannot be read. Raises LOADER_LOST."""

    async def symbols(self, name: ModuleName) -> Symbols:
        """Symbols of one module's file. Raises NOT_FOUND, FAILED, and as lookup."""
