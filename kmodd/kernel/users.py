"""Who uses a module and is no module: mounts, swap, open nodes and sockets, interfaces, devices.

A refcount is only a number; this says what may stand behind it, as far as /proc and /sys show it. What other
namespaces hold, and what the kernel holds by itself, is not seen. All text in here is hostile.

Imported by the loader: nothing heavy in here.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from kmodd.kernel.owners import Node, Owners, Resolve, block_node
from kmodd.kernel.reading import read_bounded
from kmodd.kernel.sysfs import module_directory, read_attribute
from kmodd.kernel.wire import Places, UserRow
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, printable

_KIND_LIMIT: Final = 32
_TEXT_LENGTH: Final = 256
_FILE_LIMIT: Final = 2**22
_IFF_UP: Final = 1  # include/uapi/linux/if.h
_COUNT = re.compile("[0-9]{1,9}")
_OCTAL = re.compile(rb"\\([0-7]{3})")


class _Use(NamedTuple):
    """One use of one module."""

    module: str
    kind: str
    text: str
    references: int = 0


def users_of(
    places: Places, names: Iterable[str], resolve: Resolve, driver_name: Callable[[str], str]
) -> dict[str, list[UserRow]]:
    """Users of each of ``names``; ``driver_name`` is what the driver of an interface calls itself."""
    wanted = frozenset(names)
    owners = Owners(places.sys, places.proc, wanted, resolve)
    found: dict[str, dict[tuple[str, str], int]] = {name: {} for name in wanted}
    for use in _uses(places, wanted, owners, driver_name):
        rows = found[use.module]
        key = (use.kind, printable(use.text)[:_TEXT_LENGTH])
        rows[key] = rows.get(key, 0) + use.references
    return {name: _bounded(rows) for name, rows in found.items()}


def _uses(
    places: Places, wanted: frozenset[str], owners: Owners, driver_name: Callable[[str], str]
) -> Iterator[_Use]:
    yield from _mounts(places.proc, owners)
    yield from _swaps(places.proc, owners)
    yield from _open_nodes(places.proc, owners)
    yield from _sockets(places.proc, wanted)
    yield from _interfaces(places.sys, owners, driver_name)
    for name in sorted(wanted):
        yield from _devices(places.sys, ModuleName(name))


def _bounded(rows: dict[tuple[str, str], int]) -> list[UserRow]:
    """As many of each kind as a person may want to read, and one row for all the others of that kind."""
    kept: list[UserRow] = []
    for kind in dict.fromkeys(kind for kind, _ in rows):
        same = [(kind, text, references) for (its, text), references in rows.items() if its == kind]
        kept += same[:_KIND_LIMIT]
        rest = same[_KIND_LIMIT:]
        if rest:
            kept.append((kind, f"and {len(rest)} more", sum(references for _, _, references in rest)))
    return kept


def _mounts(proc: str, owners: Owners) -> Iterator[_Use]:
    """Mounts of the machine: the file system, and the device it is on (proc_pid_mountinfo(5)).

    A superblock holds its type and its device, however often it is mounted. The mounts of the unit itself,
    which a person would look for in vain, are not among those of init.
    """
    seen: set[tuple[str, str]] = set()
    listed = read_bounded(f"{proc}/1/mountinfo", _FILE_LIMIT)
    for line in (listed or read_bounded(f"{proc}/self/mountinfo", _FILE_LIMIT)).split(b"\n"):
        mount, _, super_block = line.partition(b" - ")
        fields, rest = mount.split(b" "), super_block.split(b" ")
        if len(fields) < 6 or len(rest) < 2:
            continue
        number, place = _plain(fields[2]), _plain(fields[4])
        kind, source = map(_plain, rest[:2])
        first = (number, kind) not in seen
        seen.add((number, kind))
        for module, references in owners.of_file_system(kind).items():
            yield _Use(module, "mount", f"the mount on {place} ({kind})", references * first)
        # btrfs has numbers of its own making, and its device for a source.
        node = block_node(number) or owners.block(source.removeprefix("/dev/"))
        for module, references in owners.of_node(node).items() if node else ():
            yield _Use(module, "mount", f"the mount on {place} ({kind} on {source})", references * first)


def _swaps(proc: str, owners: Owners) -> Iterator[_Use]:
    """Swap on block devices (proc_swaps(5)); a swap file uses what is mounted there."""
    for line in read_bounded(f"{proc}/swaps", _FILE_LIMIT).split(b"\n")[1:]:
        fields = line.split()
        if fields[1:2] != [b"partition"]:
            continue
        name = _plain(fields[0])
        # By its name: in the unit, /dev has no nodes of disks.
        node = owners.block(name.removeprefix("/dev/"))
        for module, references in owners.of_node(node).items() if node else ():
            yield _Use(module, "swap", f"swap on {name}", references)


def _open_nodes(proc: str, owners: Owners) -> Iterator[_Use]:
    """Device nodes that processes have open; without CAP_SYS_PTRACE only those of processes like this one."""
    for pid in filter(str.isdecimal, _entries(proc)):
        directory = f"{proc}/{pid}/fd"
        for fd in _entries(directory):
            node = _node_at(f"{directory}/{fd}")
            for module, references in owners.of_node(node).items() if node else ():
                name = _plain(read_bounded(f"{proc}/{pid}/comm", 64).removesuffix(b"\n"))
                path = _target(f"{directory}/{fd}")
                yield _Use(module, "open", f"{name} (process {pid}), which has {path} open", references)


def _node_at(path: str) -> Node | None:
    try:
        status = os.stat(path)
    except OSError:
        return None  # it has ended, or it is none of our business
    if not (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)):
        return None
    kind = "char" if stat.S_ISCHR(status.st_mode) else "block"
    return (kind, os.major(status.st_rdev), os.minor(status.st_rdev))


def _sockets(proc: str, wanted: frozenset[str]) -> Iterator[_Use]:
    """Open sockets: each holds the module of its protocol (net/core/sock.c, proto_seq_printf())."""
    for line in read_bounded(f"{proc}/net/protocols", _FILE_LIMIT).decode("utf-8", "replace").splitlines():
        fields = line.split()
        # protocol size sockets memory press maxhdr slab module
        if len(fields) > 8 and fields[7].replace("-", "_") in wanted and _COUNT.fullmatch(fields[2]):
            count = int(fields[2])
            if count:
                yield _Use(fields[7].replace("-", "_"), "open", f"{count} sockets of {fields[0]}", count)


def _interfaces(sys: str, owners: Owners, driver_name: Callable[[str], str]) -> Iterator[_Use]:
    """Network interfaces that are up. None of them holds its module: it goes, and the interface with it."""
    directory = f"{sys}/class/net"
    for name in _entries(directory):
        flags = read_attribute(f"{directory}/{name}/flags") or ""
        if re.fullmatch(r"0x[0-9a-f]{1,8}", flags) and int(flags, 16) & _IFF_UP:
            for module in owners.of_interface(f"{directory}/{name}", driver_name(name)):
                yield _Use(module, "interface", f"network interface {_plain(os.fsencode(name))}, which is up")


def _devices(sys: str, module: ModuleName) -> Iterator[_Use]:
    """Devices bound to its drivers, which hold nothing: unloading takes them away from the driver."""
    directory = f"{module_directory(sys, module)}/drivers"
    for driver in _entries(directory):
        for name in _entries(f"{directory}/{driver}"):
            if name != "module" and os.path.islink(f"{directory}/{driver}/{name}"):
                device, short = _plain(os.fsencode(name)), _plain(os.fsencode(driver.rpartition(":")[2]))
                yield _Use(module, "device", f"device {device} (driver {short})")


def _entries(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _target(link: str) -> str:
    try:
        return _plain(os.fsencode(os.readlink(link)))
    except OSError:
        return "?"


def _plain(raw: bytes) -> str:
    """Text of the kernel, its blanks written out (seq_path(): octal)."""
    return _OCTAL.sub(lambda octal: bytes((int(octal[1], 8) & 0xFF,)), raw).decode("utf-8", "replace")
