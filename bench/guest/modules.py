"""Modules of the guest's kernel: which there are, which can be had loaded, and files that declare them."""

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

CONFIGURATION = Path("/etc/kmodd.d")
TREES = Path("/lib/modules")
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


def harmless() -> tuple[str, ...]:
    """Modules that load anywhere and quickly, in the tree's order."""
    names = [_name(path) for path in _paths("modules.dep") if path.startswith(_HARMLESS)]
    return tuple(name for name in names if name not in _SLOW)


def files(names: Iterable[str]) -> tuple[Path, ...]:
    """Files of ``names`` and all that they need, in order of loading (modules.dep(5) has it backwards)."""
    tree = TREES / os.uname().release
    lines = [line.partition(":") for line in (tree / "modules.dep").read_text().splitlines()]
    needs = {_name(path): (*reversed(rest.split()), path) for path, _, rest in lines}
    return tuple(dict.fromkeys(tree / path for name in names for path in needs[name]))


def module_of(file: Path) -> str:
    """Canonical name of the module in ``file``."""
    return _name(file.name)


def load(count: int) -> tuple[str, ...]:
    """Have at least ``count`` modules in the kernel and udevd at rest; their names, sorted."""
    candidates = harmless()
    for start in range(0, len(candidates), _CHUNK):
        if len(loaded()) >= count:
            break
        chunk = candidates[start : start + _CHUNK]
        subprocess.run(["modprobe", "--all", "--quiet", *chunk], check=False, capture_output=True)
    if len(loaded()) < count:
        raise LookupError(f"only {len(loaded())} modules can be loaded here, {count} were wanted")
    subprocess.run(["udevadm", "settle"], check=True)
    return tuple(sorted(loaded()))


def declare(
    names: Iterable[str], *, state: str = "loaded", file: str = "50-bench.toml", more: str = ""
) -> None:
    """Write a file that declares ``names``; ``more`` is TOML for each of them."""
    text = "".join(f'[module.{name}]\nstate = "{state}"\n{more}' for name in names)
    (CONFIGURATION / file).write_text(text)


def _paths(index: str) -> Sequence[str]:
    """First words of an index of the module tree: paths of module files, relative to the tree."""
    text = (TREES / os.uname().release / index).read_text()
    return [line.split(":")[0] for line in text.splitlines()]


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1].partition(".ko")[0].replace("-", "_")
