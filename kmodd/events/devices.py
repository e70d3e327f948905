"""Which declared devices are present: an index from match to sys paths, built by a scan, kept by looks."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.match import fulfils
from kmodd.events.trigger import Look
from kmodd.model import DeviceMatch
from kmodd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from kmodd.events.roles import DeviceSource
    from kmodd.events.udev import Udev

MOST_LOOKS: Final = 64
"""From so many single devices on a scan, which runs beside the loop, is the kinder way to look at them."""


Index = Mapping[DeviceMatch, frozenset[str]]


def scan(matches: Iterable[DeviceMatch], source: DeviceSource) -> Index:
    """Sys paths of the devices that fulfil each of ``matches``; reads each part of /sys once."""
    queries: defaultdict[tuple[str, bool], list[DeviceMatch]] = defaultdict(list)
    found: dict[DeviceMatch, set[str]] = {}
    for match in matches:
        queries[match.subsystem, bool(match.modalias)].append(match)
        found[match] = set()
    for (subsystem, with_modalias), asked in queries.items():
        for device in source.devices(subsystem, with_modalias=with_modalias):
            for match in asked:
                if device.path and fulfils(match, device):
                    found[match].add(device.path)
    return {match: frozenset(paths) for match, paths in found.items()}


class Presence(NamedTuple):
    """``present``: matches that a device fulfils. ``plugged``: those of them for which a device came or had
    an event; what is asked for the first time is only present."""

    present: frozenset[DeviceMatch] = frozenset()
    plugged: frozenset[DeviceMatch] = frozenset()


def open_udev() -> Udev:
    """A libudev context. Raises FAILED without libudev or pyudev."""
    # Both take their time to be loaded, and most machines declare modules without asking for devices.
    try:
        from kmodd.events.udev import Udev  # noqa: PLC0415
    except ImportError as error:
        raise KmoddError(
            ErrorKind.FAILED, f"pyudev cannot be used: {error}", "install python3-pyudev"
        ) from error
    return Udev()


class PresentDevices:
    """The index, for one caller at a time."""

    def __init__(self, open_source: Callable[[], DeviceSource] = open_udev) -> None:
        """``open_source`` is called for each look and scan: libudev contexts are for one thread."""
        self._open_source = open_source
        self._index: dict[DeviceMatch, frozenset[str]] = {}
        self._scanning = False
        self._looking: frozenset[str] = frozenset()

    def knows(self, path: str) -> bool:
        """Whether the device at ``path`` fulfilled a match at the last look; true of what is being read.

        That is in the index only when reading has ended, and may have changed by then.
        """
        return self._scanning or path in self._looking or any(path in paths for paths in self._index.values())

    async def update(self, matches: Iterable[DeviceMatch], look: Look) -> Presence:
        """How devices fulfil ``matches`` now; reads what ``look`` names and what is newly asked.

        To be called before every pass, also without matches: what is no longer asked must be forgotten,
        because nobody listens to its events any more. Raises FAILED without libudev.
        """
        wanted = frozenset(matches)
        for match in self._index.keys() - wanted:
            del self._index[match]
        before = dict(self._index)
        if look.full or look.all_devices or len(look.devices) > MOST_LOOKS:
            await self._scan(wanted)
        else:
            self._believe(look.told)
            await self._look(look.devices)
            await self._scan(wanted - self._index.keys())
        present = self._present()
        plugged = {
            match
            for match, known in before.items()
            if self._index[match] - known or not look.devices.isdisjoint(self._index[match])
        }
        return Presence(present, frozenset(plugged))

    async def _scan(self, matches: frozenset[DeviceMatch]) -> None:
        """In a thread: a thousand devices take 0.1 s, nearly all of it in libudev without the GIL."""
        if not matches:
            return
        self._scanning = True
        try:
            self._index |= await asyncio.to_thread(self._scanned, matches)
        finally:
            self._scanning = False

    def _scanned(self, matches: frozenset[DeviceMatch]) -> Index:
        return scan(matches, self._open_source())

    def _believe(self, told: Iterable[tuple[str, DeviceMatch]]) -> None:
        """What the kernel says needs no look."""
        for path, match in told:
            if match in self._index:
                self._index[match] |= {path}

    async def _look(self, paths: frozenset[str]) -> None:
        """Look at single devices: appeared, changed or gone.

        In a thread: one may be in the hands of its driver's probe, which holds the device's lock for as long
        as it takes, and on some kernels who reads its ``uevent`` waits for that (drivers/base/core.c).
        """
        if not paths or not self._index:
            return
        self._looking = paths
        try:
            found = await asyncio.to_thread(self._seen, paths, tuple(self._index))
        finally:
            self._looking = frozenset()
        for match, known in self._index.items():
            self._index[match] = known - paths | found[match]

    def _seen(self, paths: frozenset[str], matches: Iterable[DeviceMatch]) -> Index:
        """Which of ``paths`` fulfil each of ``matches``."""
        source = self._open_source()
        found = {path: source.device(path) for path in paths}
        return {
            match: frozenset(path for path, device in found.items() if device and fulfils(match, device))
            for match in matches
        }

    def _present(self) -> frozenset[DeviceMatch]:
        """Matches that still have a device: an event that nobody received must not keep one alive."""
        for match, paths in self._index.items():
            self._index[match] = frozenset(path for path in paths if os.path.exists(path))
        return frozenset(match for match, paths in self._index.items() if paths)
