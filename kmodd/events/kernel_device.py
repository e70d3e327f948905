"""A device as the kernel's own uevent tells of it, before udevd has looked at it.

udevd tells of a device when its rules are through, which may wait for the driver's probe, and lets those
below it go on at the same moment: who waits for that competes with all of them. What a match asks is mostly
in the kernel's own event, and only there can it be had at once: to read it may be to wait for the probe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from kmodd.events.match import may_fulfil
from kmodd.model import DeviceMatch

DEVICE_PREFIXES: Final = (b"add@/devices/",)

_RENAMED: Final = frozenset(("net", "infiniband"))
"""Subsystems whose devices udevd gives another name, and so another path, before it tells of them."""

_OF_THE_EVENT: Final = frozenset(("ACTION", "SEQNUM"))
"""Variables that are none of the device's properties."""

_ON_DEMAND: Final = "SYNTH_UUID"
"""In an event that somebody asked for (Documentation/ABI/testing/sysfs-uevent), as ``udevadm trigger`` does
for all devices at boot: they are not new."""

NOBODY: Final = ("", frozenset[DeviceMatch]())


class _Told:
    """A ``DeviceView`` of the variables of one message."""

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables

    @property
    def subsystem(self) -> str:
        return self._variables.get("SUBSYSTEM", "")

    @property
    def driver(self) -> str:
        return self._variables.get("DRIVER", "")

    def property(self, name: str) -> str | None:
        """As libudev has it; None for what udevd's rules add."""
        value = None if name in _OF_THE_EVENT else self._variables.get(name)
        return f"/dev/{value}" if value is not None and name == "DEVNAME" else value

    def attribute(self, _name: str) -> str | None:
        """None: that takes a look at the device."""
        return None


def is_told(match: DeviceMatch) -> bool:
    """Whether the kernel's event of a device that has just been made can say that it fulfils ``match``.

    Its driver comes later, and attributes have to be read. Who asks for any device at all does so to look at
    something else then, and hears of it from udevd.
    """
    return match != DeviceMatch() and not match.driver and not match.attributes


def told(message: bytes, matches: Iterable[DeviceMatch]) -> tuple[str, frozenset[DeviceMatch]]:
    """Sys path of the device that a message tells of as added, and which of ``matches`` it fulfils.

    "ACTION@DEVPATH", a NUL byte, then the variables, each with one behind it (lib/kobject_uevent.c). NOBODY
    for any other message, and where it fulfils none. ``matches`` are such that can be told (``is_told``).
    """
    head, _, rest = message.partition(b"\0")
    if not head.startswith(DEVICE_PREFIXES):
        return NOBODY
    try:
        path = f"/sys{head.partition(b'@')[2].decode('utf-8')}"
    except UnicodeDecodeError:
        return NOBODY
    variables = dict(_variables(rest))
    if _ON_DEMAND in variables or variables.get("SUBSYSTEM") in _RENAMED:
        return NOBODY
    device = _Told(variables)
    fulfilled = frozenset(match for match in matches if may_fulfil(match, device))
    return (path, fulfilled) if fulfilled else NOBODY


def _variables(rest: bytes) -> Iterator[tuple[str, str]]:
    """Those that are text; what is not counts as absent, as it does of a device that is looked at."""
    for each in rest.split(b"\0"):
        name, equals, value = each.partition(b"=")
        if equals:
            try:
                yield name.decode("utf-8"), value.decode("utf-8")
            except UnicodeDecodeError:
                continue
