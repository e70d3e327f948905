"""Modules of the guest's kernel: which there are, which can be had loaded, and files that declare them."""

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

CONFIGURATION = Path("/etc/kmodd.d")
_HARMLESS = (
    "kernel/crypto/",
    "kernel/fs/nls/",
    "kernel/net/ipv4/",
    "kernel/net/ipv6/",
    "kernel/net/netfilter/",
    "kernel/net/sched/",
)
"""Where modules are that load anywhere, quickly, and do nothing until they are used."""

_SLOW = frozenset(("tcrypt",))
_CHUNK = 25


def known() -> tuple[str, ...]:
    """Every module that the tree of this kernel has as a file (modules.dep(5)), in the tree's order."""
    return tuple(_name(path) for path in _paths("modules.dep"))


def builtin() -> tuple[str, ...]:
    """Every module that is part of this kernel's image."""
    return tuple(_name(path) for path in _paths("modules.builtin"))


def loaded() -> tuple[str, ...]:
    """What /proc/modules lists."""
    return tuple(line.split()[0] for line in Path("/proc/modules").read_text().splitlines())


def load(count: int) -> tuple[str, ...]:
    """Have at least ``count`` modules in the kernel and udevd at rest; their names, sorted."""
    harmless = [_name(path) for path in _paths("modules.dep") if path.startswith(_HARMLESS)]
    candidates = [name for name in harmless if name not in _SLOW]
    for start in range(0, len(candidates), _CHUNK):
        if len(loaded()) >= count:
            break
        chunk = candidates[start : start + _CHUNK]
        subprocess.run(["modprobe", "--all", "--quiet", *chunk], check=False, capture_output=True)
    if len(loaded()) < count:
        raise LookupError(f"only {len(loaded())} modules can be loaded here, {count} were wanted")
    subprocess.run(["udevadm", "settle"], check=True)
    return tuple(sorted(loaded()))


def declare(names: Iterable[str], *, state: str = "loaded", file: str = "50-bench.toml") -> None:
    """Write a file that declares ``names``."""
    (CONFIGURATION / file).write_text("".join(f'[module.{name}]\nstate = "{state}"\n' for name in names))


def _paths(index: str) -> Sequence[str]:
    """First words of an index of the module tree: paths of module files, relative to the tree."""
    text = Path("/lib/modules", os.uname().release, index).read_text()
    return [line.split(":")[0] for line in text.splitlines()]


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1].partition(".ko")[0].replace("-", "_")
