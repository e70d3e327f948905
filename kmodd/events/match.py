"""Whether a device fulfils a ``when.device`` table: pure, whatever reads the device."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from kmodd.model import DeviceMatch

if TYPE_CHECKING:
    from kmodd.events.roles import DeviceView

_GLOB = frozenset("*?[")


def fulfils(match: DeviceMatch, device: DeviceView) -> bool:
    """Whether ``device`` answers everything that ``match`` asks; attributes last, they cost a read each."""
    return (
        may_fulfil(match, device)
        and (not match.driver or fnmatchcase(device.driver, match.driver))
        and all(_globs(device.attribute(name), glob) for name, glob in match.attributes)
    )


def may_fulfil(match: DeviceMatch, device: DeviceView) -> bool:
    """Whether ``device`` answers what an event tells of it: subsystem, modalias and properties."""
    return (
        (not match.subsystem or fnmatchcase(device.subsystem, match.subsystem))
        and (not match.modalias or _globs(device.property("MODALIAS"), match.modalias))
        and all(_globs(device.property(name), glob) for name, glob in match.properties)
    )


def _globs(value: str | None, glob: str) -> bool:
    return value is not None and fnmatchcase(value, glob)


def subsystems(matches: Iterable[DeviceMatch]) -> frozenset[str]:
    """Subsystems that events of these devices come from; empty where any may be meant (none, or a glob)."""
    asked = {match.subsystem for match in matches}
    if any(not name or _GLOB.intersection(name) for name in asked):
        return frozenset()
    return frozenset(asked)
