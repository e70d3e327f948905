"""Whether an initramfs still says of its modules what the generated files of modprobe.d say now.

Modules that come from the initramfs obey the copies of those files in it. About modules that it does not
hold, its copies may say what they like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from kmodd.core.against_kernel import joined
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, is_module_name, printable
from kmodd.shown import Initramfs, Issue, Location, ModuleStatus, Severity

UPDATE: Final = "update-initramfs -u -k all"
"""Of all kernels: without -k it is the newest one's, which need not be the one that runs."""


class Held(NamedTuple):
    """What an image holds: names of modules, and the texts of generated files, in the order of their names.

    Both come from a file, so neither need be what it should.
    """

    modules: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()


class Copies(NamedTuple):
    """How the copies in the initramfs stand: ``modules`` are those of which they say something else."""

    state: Initramfs = Initramfs.UNKNOWN
    modules: tuple[ModuleName, ...] = ()

    @property
    def issues(self) -> tuple[Issue, ...]:
        """One warning for all modules, none while nothing is known to differ."""
        if self.state is not Initramfs.STALE:
            return ()
        message = (
            f"the initramfs of this kernel is older than what modprobe.d says now of {joined(self.modules)}, "
            "and what is loaded from it at boot goes by the old lines"
        )
        hint = f"make it anew: {UPDATE}"
        return (Issue(Severity.WARNING, Initramfs.STALE.value, printable(message), hint, Location("")),)


def compare(held: Held, texts: Iterable[str]) -> Copies:
    """The copies against the generated files as they are now, in the order of their names."""
    before, now = _lines(held.texts), _lines(texts)
    concerned = held.modules & (before.keys() | now.keys())
    differing = sorted(name for name in concerned if before.get(name) != now.get(name))
    modules = tuple(ModuleName(name) for name in differing if is_module_name(name))
    return Copies(Initramfs.STALE if modules else Initramfs.CURRENT, modules)


def tell(statuses: dict[ModuleName, ModuleStatus], copies: Copies) -> None:
    """Have the statuses say so where the initramfs has something else about a module."""
    for name in copies.modules:
        status = statuses.get(name)
        if status is not None:
            message = f"{status.message}; the initramfs has other lines about it ({UPDATE})"
            statuses[name] = status._replace(message=message)


def _lines(texts: Iterable[str]) -> Mapping[str, list[str]]:
    """Lines by the module that they are about, the second word of each (core/modprobe_conf.py)."""
    lines: dict[str, list[str]] = {}
    for text in texts:
        for line in text.split("\n"):
            words = line.split(" ", 2)
            if len(words) > 1 and not line.startswith("#"):
                lines.setdefault(words[1], []).append(line)
    return lines
