"""The running kernel, read anew with every call (``ports.KernelReader``)."""

import os
from collections.abc import Collection, Container, Iterable, Mapping

from kmodd.kernel import procfs, sysfs
from kmodd.kernel.roots import Roots
from kmodd.model import ObservedModule, Security
from kmodd.names import ModuleName


class SystemReader:
    """Reads /proc and /sys below the given roots.

    Only ``parameters`` can wait: while somebody writes a parameter of that module, for as long as the write
    takes. ``LoaderClient.parameters`` reads them without that risk.
    """

    def __init__(self, roots: Roots | None = None) -> None:
        self._roots = roots or Roots()

    def release(self) -> str:
        """Kernel release as uname(2) gives it."""
        return procfs.read_release(self._roots.proc)

    def modules(self, only: Container[ModuleName] | None = None) -> Mapping[ModuleName, ObservedModule]:
        """Modules that /proc/modules lists, all or those of ``only``, without parameters.

        Raises NO_MODULE_SUPPORT.
        """
        return procfs.read_modules(self._roots.proc, only)

    def parameter_files(self, module: ModuleName) -> tuple[str, ...] | None:
        """Names of its parameter files, the same as long as the instance lives; None: not to be had now."""
        return sysfs.list_parameters(self._roots.sys, module)

    def parameters(self, module: ModuleName, files: Iterable[str] | None = None) -> Mapping[str, str]:
        """Text of each of ``files`` that can be read, of all parameter files where none are given."""
        return sysfs.read_parameters(self._roots.sys, module, files)

    def writable(self, module: ModuleName, files: Iterable[str] | None = None) -> frozenset[str]:
        """Names of those that have a write bit, asked for as parameters() is."""
        return sysfs.read_writable(self._roots.sys, module, files)

    def instance(self, module: ModuleName) -> int:
        """Inode of /sys/module/NAME, 0 where there is none."""
        return sysfs.read_instance(self._roots.sys, module)

    def instances(self, modules: Collection[ModuleName]) -> Mapping[ModuleName, int]:
        """The instance of each of ``modules``, in order."""
        return sysfs.read_instances(self._roots.sys, modules)

    def attributes(self, module: ModuleName) -> sysfs.Attributes:
        """initstate, version, srcversion and taint of a module."""
        return sysfs.read_attributes(self._roots.sys, module)

    def command_line(self) -> tuple[str, ...]:
        """Words of the kernel command line."""
        return procfs.read_command_line(self._roots.proc)

    def modules_disabled(self) -> bool:
        """Whether loading and unloading are switched off until the next boot."""
        return procfs.read_modules_disabled(self._roots.proc)

    def security(self) -> Security:
        """What the kernel permits at all: lockdown, enforced signatures, modules_disabled."""
        return Security(
            lockdown=sysfs.read_lockdown(self._roots.sys),
            signatures_enforced=sysfs.read_signatures_enforced(self._roots.sys),
            modules_disabled=self.modules_disabled(),
        )

    def architecture(self) -> str:
        """Machine as uname(2) gives it."""
        return os.uname().machine
