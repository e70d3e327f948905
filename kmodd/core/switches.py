"""What the kernel command line switches off: for kmodd (``kmodd.*``), for modprobe, for the kernel itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, is_module_name, module_name
from kmodd.shown import EMPTY

_NO = frozenset(("0", "no", "n", "off", "false", "f"))


class Switches(NamedTuple):
    """``enforce``: kmodd may change the kernel. ``skipped``: modules that it leaves alone altogether.

    ``barred``: modules that are not to be loaded, with the word that says so.
    """

    enforce: bool = True
    skipped: frozenset[ModuleName] = frozenset()
    barred: Mapping[ModuleName, str] = EMPTY


def switches(command_line: Iterable[str]) -> Switches:
    """Switches among the words of a kernel command line; what cannot name a module is passed over.

    ``module_blacklist=`` is the kernel's (kernel/module/main.c, blacklisted(): the last one counts, spelling
    as in the module), ``modprobe.blacklist=`` libkmod's (each counts, either spelling).
    """
    enforce = True
    skipped: set[ModuleName] = set()
    by_modprobe: dict[ModuleName, str] = {}
    by_kernel: dict[ModuleName, str] = {}
    for word in command_line:
        key, _, value = word.partition("=")
        match key.replace("-", "_"):
            case "kmodd.enforce":
                enforce = value.lower() not in _NO
            case "kmodd.skip":
                skipped.update(_names(value))
            case "modprobe.blacklist":
                by_modprobe.update(dict.fromkeys(_names(value), f"modprobe.blacklist={value}"))
            case "module_blacklist":
                by_kernel = dict.fromkeys((n for n in _names(value) if n in value.split(",")), word)
    return Switches(enforce, frozenset(skipped), {**by_modprobe, **by_kernel})


def _names(value: str) -> Iterator[ModuleName]:
    return (module_name(part) for part in value.split(",") if is_module_name(part))
