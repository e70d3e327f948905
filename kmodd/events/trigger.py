"""The coalescing trigger between everything that can happen and the one pass that looks again.

What happened is only a hint, so hints are merged, never queued: memory is bounded whatever the flood.
"""

from __future__ import annotations

import asyncio
from typing import Final

from kmodd.model import DeviceMatch
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName

MOST_NAMES: Final = 1024
"""Hints that name more modules or devices than this are cheaper as one look at all of them."""


class Look(NamedTuple):
    """What to read again. ``full``: the whole kernel, not the files; ``retry``: the wake-up time has come.

    ``told``: sys paths with what the kernel says that the device there fulfils, which is believed without a
    look; udevd's event, and a look, come later.
    """

    config: bool = False
    full: bool = False
    retry: bool = False
    all_devices: bool = False
    devices: frozenset[str] = frozenset()
    told: frozenset[tuple[str, DeviceMatch]] = frozenset()
    modules: frozenset[ModuleName] = frozenset()
    parameters: frozenset[ModuleName] = frozenset()

    def __or__(self, other: Look) -> Look:
        """Both hints as one: covers at least what either covers, and names at most MOST_NAMES of a kind."""
        modules = self.modules | other.modules
        parameters = self.parameters | other.parameters
        devices = self.devices | other.devices
        told = self.told | other.told
        full = self.full or other.full or max(len(modules), len(parameters)) > MOST_NAMES
        all_devices = (
            full or self.all_devices or other.all_devices or max(len(devices), len(told)) > MOST_NAMES
        )
        return Look(
            config=self.config or other.config,
            full=full,
            retry=self.retry or other.retry,
            all_devices=all_devices,
            devices=frozenset() if all_devices else devices,
            told=frozenset() if all_devices else told,
            modules=frozenset() if full else modules,
            parameters=frozenset() if full else parameters,
        )

    def __bool__(self) -> bool:
        """Whether there is anything to look at."""
        return self != NOTHING


NOTHING: Final = Look()
EVERYTHING: Final = Look(config=True, full=True, all_devices=True)


class TokenBucket:
    """Cap on passes a second: ``burst`` at once, then ``rate_hz``; times are seconds of one clock."""

    __slots__ = ("_spent_until", "burst", "rate_hz")

    def __init__(self, rate_hz: float = 2.0, burst: int = 10) -> None:
        self.rate_hz = rate_hz
        self.burst = burst
        self._spent_until = float("-inf")

    def earliest(self) -> float:
        """When the next pass may begin; a time gone by means now."""
        return self._spent_until - (self.burst - 1) / self.rate_hz

    def take(self, now: float) -> None:
        """Spend one token."""
        self._spent_until = max(now, self._spent_until) + 1 / self.rate_hz


SHARE: Final = 5
"""Of the time in which things keep happening, passes take one part in so many: dearer ones gather more."""
_LONGEST_S: Final = 1.0


class Trigger:
    """Gathers looks for a single consumer; belongs to the running event loop, keeps at most one timer."""

    def __init__(self, quiet_time_s: float, bucket: TokenBucket | None = None) -> None:
        self.quiet_time_s = quiet_time_s
        self._bucket = bucket or TokenBucket()
        self._pending = NOTHING
        self._quiet_until = float("-inf")
        self._taken_at: float | None = None
        self._hurried = False
        self._wake_at: float | None = None
        self._changed = asyncio.Event()

    def notify(self, look: Look, *, gather: bool = True) -> None:
        """Add ``look`` to what the next pass looks at; never blocks, never fails.

        ``gather`` is false for the end of kmodd's own work: nothing more comes with that. Its pass is none
        of those that are capped, so that devices never wait for what was done for others.
        """
        was_idle = not self._pending
        self._pending |= look
        self._hurried |= bool(look) and not gather
        if self._pending and (was_idle or not gather):
            self._changed.set()

    def wake_at(self, when: float | None) -> None:
        """Have a ``retry`` look no later than ``when`` (the loop's clock, seconds); None: no such time."""
        if when != self._wake_at:
            self._wake_at = when
            self._changed.set()

    async def wait(self) -> Look:
        """The next merged look, never an empty one: at once after a quiet time, else when that has passed."""
        loop = asyncio.get_running_loop()
        self._gather_longer(loop.time())
        while True:
            due = self._due()
            if due is not None and due <= loop.time():
                return self._take(loop.time())
            await self._sleep_until(due)

    def _due(self) -> float | None:
        """When the next look is to be handed out, a time gone by is now; None while nothing is to come."""
        if self._hurried:
            return float("-inf")
        allowed = max(self._quiet_until, self._bucket.earliest())
        if self._pending:
            return allowed
        return None if self._wake_at is None else max(self._wake_at, allowed)

    def _take(self, now: float) -> Look:
        look = self._pending
        if self._wake_at is not None and self._wake_at <= now:
            look |= Look(retry=True)
            self._wake_at = None
        self._pending = NOTHING
        self._quiet_until = now + self.quiet_time_s
        self._taken_at = now
        if not self._hurried:
            self._bucket.take(now)
        self._hurried = False
        return look

    def _gather_longer(self, now: float) -> None:
        """Who took the last look is done with it: after a long pass more is gathered, if anything is."""
        if self._taken_at is not None and self.quiet_time_s:
            at_least_s = min(SHARE * (now - self._taken_at), _LONGEST_S)
            self._quiet_until = max(self._quiet_until, self._taken_at + at_least_s)
        self._taken_at = None

    async def _sleep_until(self, due: float | None) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout_at(due):
                await self._changed.wait()
        except TimeoutError:
            return
