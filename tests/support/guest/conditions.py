"""Things that a test waits for, as data; the guest looks at them (agent/waiting.py)."""

import re
from dataclasses import dataclass

BUS_NAME = "org.kmodd1"


@dataclass(frozen=True, slots=True)
class FileHolds:
    """``pattern`` (regular expression, ^ and $ at lines) is found in a file, or is not."""

    path: str
    pattern: str
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class PathExists:
    """A path exists, or does not."""

    path: str
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class CommandPrints:
    """A command ends with status 0 and ``pattern`` is found in its output."""

    argv: tuple[str, ...]
    pattern: str = ""


Condition = FileHolds | PathExists | CommandPrints


def module_live(name: str) -> FileHolds:
    """The module is loaded and its init has returned (/proc/modules)."""
    return FileHolds("/proc/modules", rf"^{re.escape(name)} .* Live ")


def module_loading(name: str) -> FileHolds:
    """The module is in, and its init has not returned yet (/proc/modules)."""
    return FileHolds("/proc/modules", rf"^{re.escape(name)} .* Loading ")


def module_absent(name: str) -> FileHolds:
    """The module is neither loaded nor on its way."""
    return FileHolds("/proc/modules", rf"^{re.escape(name)} ", wanted=False)


def module_used(name: str) -> FileHolds:
    """Its refcount is not 0 (/proc/modules)."""
    return FileHolds("/proc/modules", rf"^{re.escape(name)} \d+ [1-9]")


def parameter_is(module: str, parameter: str, value: str) -> FileHolds:
    """A parameter reads as ``value`` in sysfs."""
    return FileHolds(f"/sys/module/{module}/parameters/{parameter}", rf"\A{re.escape(value)}\n?\Z")


def bus_name_owned(name: str = BUS_NAME) -> CommandPrints:
    """Somebody owns ``name`` on the system bus."""
    owner = (
        "busctl",
        "call",
        "org.freedesktop.DBus",
        "/org/freedesktop/DBus",
        "org.freedesktop.DBus",
        "NameHasOwner",
    )
    return CommandPrints((*owner, "s", name), "b true")
