"""Which module stands behind a device node, a file system type or a network interface. Hostile text.

The kernel does not say it outright. Its device model does for devices with a driver, directly or above them;
for the others there are the names by which the kernel itself would ask for a module.

Imported by the loader: nothing heavy in here.
"""

import os
import re
from collections.abc import Callable, Iterator
from typing import Final

from kmodd.kernel.reading import read_bounded

Resolve = Callable[[str], tuple[str, ...]]
"""Modules that have an alias (modules.alias), in either spelling; empty for an unknown one."""
Node = tuple[str, int, int]
"""block or char, major, minor."""

_DEVICES_LIMIT: Final = 2**16
_DEPTH_LIMIT: Final = 32
_MAJOR = re.compile("[0-9]{1,9}")
_NUMBER = re.compile("([0-9]{1,9}):([0-9]{1,9})")


class Owners:
    """Answers for the modules in ``wanted`` only: each with how many references to it are given away."""

    def __init__(self, sys: str, proc: str, wanted: frozenset[str], resolve: Resolve) -> None:
        self._sys = os.path.realpath(sys)
        self._wanted = wanted
        self._resolve = resolve
        self._majors = _majors(f"{proc}/devices")
        self._of_nodes: dict[Node, dict[str, int]] = {}

    def of_file_system(self, kind: str) -> dict[str, int]:
        """By its name, or by the alias with which mount(2) asks for it (fs/filesystems.c, get_fs_type())."""
        base = kind.partition(".")[0]
        return dict.fromkeys(self._known(base, *self._resolve(f"fs-{base}")), 1)

    def of_interface(self, path: str, driver: str) -> dict[str, int]:
        """By the drivers above it, or by what its driver calls itself. An interface holds nothing."""
        names = (*self._drivers_above(os.path.realpath(path)), driver, *self._resolve(f"rtnl-link-{driver}"))
        return dict.fromkeys(self._known(*names), 0)

    def of_node(self, node: Node) -> dict[str, int]:
        """By the drivers above the device, by its number, by the name of its major number, by its own name.

        An open node holds the module that serves it. Drivers further up are told without a reference: they
        are needed, but most of them are not held.
        """
        if node not in self._of_nodes:
            self._of_nodes[node] = self._find(node)
        return self._of_nodes[node]

    def block(self, name: str) -> Node | None:
        """The block device that the kernel calls ``name``."""
        return block_node(self._text(f"{self._sys}/class/block/{name.replace('/', '!')}/dev"))

    def _find(self, node: Node) -> dict[str, int]:
        kind, major, minor = node
        path = os.path.realpath(f"{self._sys}/dev/{kind}/{major}:{minor}")
        if kind == "block" and os.path.exists(f"{path}/partition"):
            disk = block_node(self._text(f"{os.path.dirname(path)}/dev"))
            return self.of_node(disk) if disk is not None and disk != node else {}
        above = self._known(*self._drivers_above(path))
        named = self._resolve(f"{kind}-major-{major}-{minor}")
        own = os.path.basename(path).rstrip("0123456789")
        serving = self._known(*named, *self._majors.get((kind, major), ()), own)
        subsystem = _base_of_link(f"{path}/subsystem")
        found = dict.fromkeys((*above, *self._known(subsystem)), 0)
        found.update(dict.fromkeys((*above[:1], *serving), 1))
        return found

    def _drivers_above(self, path: str) -> Iterator[str]:
        """Modules of the drivers of a device and of those it hangs on, the nearest first.

        A driver that was registered without its module (scsi_debug's is) is taken by its own name.
        """
        for _ in range(_DEPTH_LIMIT):
            if not path.startswith(f"{self._sys}/devices/"):
                return
            name = _base_of_link(f"{path}/driver/module") or _base_of_link(f"{path}/driver")
            if name:
                yield name
            path = os.path.dirname(path)

    def _text(self, path: str) -> str:
        return read_bounded(path, 64).decode("ascii", "replace").strip()

    def _known(self, *names: str) -> list[str]:
        canonical = (name.replace("-", "_") for name in names)
        return [name for name in dict.fromkeys(canonical) if name in self._wanted]


def block_node(number: str) -> Node | None:
    """A block device out of MAJOR:MINOR; None for major 0, which is what file systems without one have."""
    match = _NUMBER.fullmatch(number)
    if match is None or match[1] == "0":
        return None
    return ("block", int(match[1]), int(match[2]))


def _base_of_link(path: str) -> str:
    try:
        return os.path.basename(os.readlink(path))
    except OSError:
        return ""


def _majors(path: str) -> dict[tuple[str, int], tuple[str, ...]]:
    """Names of major numbers (/proc/devices), which are those of drivers that had one given."""
    names: dict[tuple[str, int], tuple[str, ...]] = {}
    kind = ""
    for line in read_bounded(path, _DEVICES_LIMIT).decode("utf-8", "replace").splitlines():
        number, _, name = line.strip().partition(" ")
        if _MAJOR.fullmatch(number):
            names[kind, int(number)] = (*names.get((kind, int(number)), ()), name)
        elif name == "devices:":
            kind = {"Character": "char", "Block": "block"}.get(number, "")
    return names
