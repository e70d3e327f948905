"""What kmodd remembers of its own doings in this boot: failures, loads, and what is under way.

It is never a source of status: a load record only counts while the kernel shows the same instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from kmodd.action import ActionKind
from kmodd.core.crash import Quarantine
from kmodd.model import ObservedModule, Parameter
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import EMPTY, Condition, ModuleState, Stage

FIRST_BACKOFF_US = 100_000
LONGEST_BACKOFF_US = 300_000_000
JITTER = 0.2
HOLD_US = 60_000_000
"""What has held so long counts as done for good: the next time it is undone is a first time again."""


class Retry(Enum):
    """When a failed request is tried again by itself."""

    CHANGE = "change"
    """When the configuration, the module file or the kernel changes."""
    EVENT = "event"
    """When a matching device appears."""
    BACKOFF = "backoff"
    """After a while, longer each time."""


class Attempt(NamedTuple):
    """A failure that stands: what was tried, what came of it, and when it is tried again.

    ``next_retry_us`` is CLOCK_MONOTONIC; 0 means not by the clock. ``untaken``: parameters of a write that
    were not seen to be taken. ``refcount``: with how many references a module was in use when it was to be
    taken out, its holders' among them. ``code`` is what a log entry says of it.
    """

    kind: ActionKind
    condition: Condition
    message: str
    retry: Retry
    failures: int
    next_retry_us: int = 0
    error: int = 0
    messages: tuple[str, ...] = ()
    untaken: tuple[Parameter, ...] = ()
    refcount: int = 0
    code: str = ""


class LoadRecord(NamedTuple):
    """What kmodd did with one instance of a module; it speaks only while ``instance`` is the kernel's.

    ``parameters`` were set by us, at the load or by writing; ``shown`` is what they read as right afterwards,
    without those that cannot be read. ``loaded_us`` is 0 where the load itself was somebody else's.
    ``ignored``: parameters that the kernel was given at the load and that nothing took.
    """

    instance: int
    parameters: tuple[Parameter, ...]
    loaded_us: int
    duration_us: int
    messages: tuple[str, ...] = ()
    shown: tuple[Parameter, ...] = ()
    stages: tuple[Stage, ...] = ()
    ignored: tuple[Parameter, ...] = ()


class Success(NamedTuple):
    """How often an action of one kind on a module was done and did not hold, the last time included.

    Times are CLOCK_MONOTONIC; ``next_us``: not done once more before then.
    """

    times: int
    done_us: int
    next_us: int


Successes = Mapping[tuple[ModuleName, ActionKind], Success]


class Flight(NamedTuple):
    """An action of ours that runs, and since when (CLOCK_MONOTONIC)."""

    kind: ActionKind
    since_us: int


class Wait(NamedTuple):
    """Since when something about this instance of a module is waited for (CLOCK_MONOTONIC)."""

    instance: int
    since_us: int


Change = tuple[ModuleName, ActionKind]


class Crash(NamedTuple):
    """A change in which the kernel killed its process, in this boot; ``messages`` is what it logged."""

    kind: ActionKind
    messages: tuple[str, ...] = ()


class Guarded(NamedTuple):
    """What the crash guard knows: changes of an earlier loader that still go on, what is not done, and what
    is done once more, last and alone; a suspect's value are the options that it had.
    """

    flights: Mapping[ModuleName, Flight] = EMPTY
    quarantines: Mapping[Change, Quarantine] = EMPTY
    suspects: Mapping[Change, str] = EMPTY


class Memory(NamedTuple):
    """All of it. ``owed``: modules that were taken out to be loaded again; ``met``: those whose device was
    there before. ``crashes`` are of this boot; ``quarantines`` and ``suspects`` as in ``Guarded``.
    """

    attempts: Mapping[ModuleName, Attempt] = EMPTY
    loads: Mapping[ModuleName, LoadRecord] = EMPTY
    in_flight: Mapping[ModuleName, Flight] = EMPTY
    successes: Successes = EMPTY
    waits: Mapping[ModuleName, Wait] = EMPTY
    owed: frozenset[ModuleName] = frozenset()
    met: frozenset[ModuleName] = frozenset()
    crashes: Mapping[ModuleName, Crash] = EMPTY
    quarantines: Mapping[Change, Quarantine] = EMPTY
    suspects: Mapping[Change, str] = EMPTY

    @property
    def last_words(self) -> dict[ModuleName, tuple[str, ...]]:
        """What the kernel logged when a change of a module crashed it; nothing of those that never did."""
        words: dict[ModuleName, tuple[str, ...]] = {}
        for (module, _), quarantine in self.quarantines.items():
            words.setdefault(module, quarantine.lines)
        return words | {module: crash.messages for module, crash in self.crashes.items()}

    def record(self, seen: ObservedModule | None) -> LoadRecord | None:
        """What kmodd did with exactly this instance."""
        record = self.loads.get(seen.name) if seen is not None else None
        return (
            record if record is not None and seen is not None and record.instance == seen.instance else None
        )


def succeeded(
    before: Successes, module: ModuleName, kind: ActionKind, now_us: int, chance: float, *, owed: bool = False
) -> Successes:
    """``before`` with one more success; what was undone soon after the one before is not repeated at once.

    A load after an unload of ours, or the other way round, repeats nothing: something else is desired now.
    Not so a reload (``owed``): taking out is what it counts as, the load in it is none of its own.
    """
    if owed and kind is ActionKind.LOAD:
        return before
    times, previous = 1, before.get((module, kind))
    if previous is not None and now_us < previous.next_us + HOLD_US:
        times = previous.times + 1
    undone = None if owed else (module, _OPPOSITE.get(kind))
    kept = {key: value for key, value in before.items() if key != undone}
    return {**kept, (module, kind): Success(times, now_us, now_us + backoff_us(times, chance))}


_OPPOSITE = {ActionKind.LOAD: ActionKind.UNLOAD, ActionKind.UNLOAD: ActionKind.LOAD}


def overtaken(memory: Memory, observed: Mapping[ModuleName, ObservedModule]) -> frozenset[ModuleName]:
    """Modules whose failure stands for nothing any more: others have done what was tried."""
    return frozenset(
        name for name, attempt in memory.attempts.items() if _is_done(attempt.kind, observed.get(name))
    )


def _is_done(kind: ActionKind, seen: ObservedModule | None) -> bool:
    if kind is not ActionKind.LOAD:
        return seen is None
    return seen is not None and seen.state is ModuleState.LOADED


STUCK = {ActionKind.LOAD: ModuleState.LOADING, ActionKind.UNLOAD: ModuleState.UNLOADING}
"""State of a module in the middle of a change."""


def backoff_us(failures: int, chance: float) -> int:
    """Wait after the n-th failure in a row: doubling, capped, spread by up to a fifth either way."""
    plain = min(FIRST_BACKOFF_US << min(failures - 1, 20), LONGEST_BACKOFF_US)
    return int(plain * (1 - JITTER + 2 * JITTER * chance))
