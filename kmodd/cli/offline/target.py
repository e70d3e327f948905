"""Whose files and which kernel a command is about: this machine's, or those below a directory."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from kmodd.cli.terminal.output import Options
from kmodd.config.paths import ConfigPaths
from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.conf_files import DEFAULT_DIRS
from kmodd.kernel.inventory import look_up
from kmodd.kernel.libkmod import Library
from kmodd.kernel.procfs import read_command_line
from kmodd.kernel.roots import Roots
from kmodd.kernel.rows import module_info
from kmodd.kernel.wire import Places
from kmodd.model import ModuleInfo, Settings
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, printable

TREES = "/lib/modules"


class Target(NamedTuple):
    """``root`` goes before every path, "" for this machine; ``release`` is "" without a module tree."""

    root: str
    release: str
    modprobe_file: str = Settings().modprobe_file
    """What kmodd generates; it counts for nothing."""

    def below(self, path: str) -> str:
        """Where ``path`` of the target is."""
        return f"{self.root}{path}"

    def shown(self, path: str) -> str:
        """A path as the target itself has it."""
        return path.removeprefix(self.root)

    @property
    def tree(self) -> str:
        """Its module tree."""
        return self.below(f"{TREES}/{self.release}")

    @property
    def places(self) -> Places:
        """Where libkmod is to look."""
        return Places(
            sys=self.below("/sys"),
            proc=self.below("/proc"),
            module_tree=self.tree,
            modprobe_dirs=tuple(map(self.below, DEFAULT_DIRS)),
            modprobe_file=self.below(self.modprobe_file),
        )

    @property
    def roots(self) -> Roots:
        """Where its kernel shows itself, if it runs."""
        return Roots(self.below("/proc"), self.below("/sys"))

    @property
    def config(self) -> ConfigPaths:
        """Where its files are; what a daemon left about them is not asked."""
        usual = ConfigPaths()
        directories = tuple(Path(self.below(str(path))) for path in usual.directories)
        settings, trial = (Path(self.below(str(path))) for path in (usual.settings, usual.trial_dir))
        return usual._replace(directories=directories, settings=settings, trial_dir=trial)

    def command_line(self) -> tuple[str, ...]:
        """Words of its kernel command line; none of a system that does not run."""
        try:
            return read_command_line(self.below("/proc"))
        except OSError:
            return ()

    @property
    def is_running(self) -> bool:
        """Whether it is the kernel that runs here."""
        return not self.root and self.release == os.uname().release


def target_of(options: Options) -> Target:
    """What ``--root`` and ``--kernel`` name. Raises INVALID_ARGUMENT, and NO_MODULE_TREE for a release."""
    root = "" if options.root is None else os.path.abspath(options.root).rstrip("/")
    if root and not os.path.isdir(root):
        raise KmoddError(
            ErrorKind.INVALID_ARGUMENT, f"{printable(options.root)} is no directory", "name a root"
        )
    if options.kernel is None:
        return Target(root, _only(root))
    there = _releases(root)
    if options.kernel not in there:
        message = f"{printable(root)}{TREES} has no kernel {printable(options.kernel)}"
        raise KmoddError(ErrorKind.NO_MODULE_TREE, message, f"it has {_listed(there) or 'none'}")
    return Target(root, options.kernel)


def needed_kernel(target: Target) -> Target:
    """``target``; raises NO_MODULE_TREE where it has no module tree."""
    if not target.release:
        message = f"{printable(target.root)}{TREES} has no module tree of a kernel"
        hint = "name another --root, or a --kernel whose modules are installed"
        raise KmoddError(ErrorKind.NO_MODULE_TREE, message, hint)
    return target


def infos_of(
    target: Target, names: Iterable[str], with_modinfo: Collection[str] = (), *, with_conf: bool = True
) -> dict[ModuleName, ModuleInfo]:
    """What its module tree and, ``with_conf``, modprobe.d know of ``names``.

    Raises NO_LIBKMOD, NO_MODULE_TREE.
    """
    places = target.places if with_conf else target.places._replace(modprobe_dirs=())
    rows = look_up(quiet_library(), places, names, with_modinfo)
    return {ModuleName(row["name"]): module_info(row) for row in rows}


def quiet_library() -> Library:
    """libkmod without its own words on standard error (kmod_new(3)). Raises NO_LIBKMOD."""
    os.environ["KMOD_LOG"] = "0"
    return Library()


def _only(root: str) -> str:
    """The running kernel, or the only one below a root; "" for none. Raises INVALID_ARGUMENT."""
    there = _releases(root)
    if not root:
        running = os.uname().release
        return running if running in there else ""
    if len(there) > 1:
        message = f"{printable(root)}{TREES} has several kernels: {_listed(there)}"
        raise KmoddError(ErrorKind.INVALID_ARGUMENT, message, "name one with --kernel")
    return there[0] if there else ""


def _listed(releases: list[str]) -> str:
    return ", ".join(map(printable, releases))


def _releases(root: str) -> list[str]:
    """Kernels whose modules are installed and indexed."""
    try:
        names = sorted(os.listdir(f"{root}{TREES}"))
    except OSError:
        return []
    return [name for name in names if os.path.exists(f"{root}{TREES}/{name}/modules.dep.bin")]
