"""What kmodd remembers of its own doings in this boot: failures, loads, and what is under way.

It is never a source of status: a load record only counts while the kernel shows the same instance.
"""

from collections.abc import Callable, Iterable, Mapping
from errno import ENOENT
from typing import NamedTuple

from kmodd.action import ActionKind
from kmodd.core.crash import Quarantine, tells_of_crash
from kmodd.core.diagnose import (
    LOST,
    NEED_MOVED,
    NOT_RECORDED,
    NOTHING_KNOWN,
    UNDONE,
    Diagnosis,
    Known,
    Retry,
    oops,
    unload_failure,
    write_failure,
)
from kmodd.core.load_failure import load_failure
from kmodd.core.parameters import drifted
from kmodd.model import ObservedModule, Parameter, Report
from kmodd.names import ModuleName
from kmodd.shown import EMPTY, Condition, ModuleState, Outcome, Stage

FIRST_BACKOFF_US = 100_000
LONGEST_BACKOFF_US = 300_000_000
JITTER = 0.2
HOLD_US = 60_000_000
"""What has held so long counts as done for good: the next time it is undone is a first time again."""


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


def crashed(kind: ActionKind, report: Report, after: ObservedModule | None) -> bool:
    """Whether the kernel killed the process in the middle of the change: nothing will ever end it.

    A process that was killed by a signal dies when its system call is over, and init or exit with it.
    """
    if not report.died:
        return False
    if kind is ActionKind.WRITE:
        return tells_of_crash(report.messages)
    return after is not None and after.state is STUCK[kind]


STUCK = {ActionKind.LOAD: ModuleState.LOADING, ActionKind.UNLOAD: ModuleState.UNLOADING}
"""State of a module in the middle of a change."""


def judge_load(
    previous: Attempt | None,
    report: Report,
    after: ObservedModule | None,
    now_us: int,
    chance: float,
    *,
    needs_moved: bool = False,
    known: Known = NOTHING_KNOWN,
) -> tuple[Outcome, Attempt | None]:
    """What a load came to, by what the kernel shows ``after`` it; ``chance`` in [0, 1) spreads retries.

    ``needs_moved``: a module that it needs was taken out or loaded anew while it was tried.
    """
    if after is not None and after.state is ModuleState.LOADED:
        return (Outcome.UNCHANGED if report.error else Outcome.DONE), None
    if needs_moved and report.error == ENOENT:
        diagnosis = NEED_MOVED
    elif crashed(ActionKind.LOAD, report, after):
        diagnosis = oops(ActionKind.LOAD)
    else:
        diagnosis = _diagnosis(report, lambda error: load_failure(error, report.messages, known))
    return Outcome.FAILED, _attempt(ActionKind.LOAD, diagnosis, previous, report, now_us, chance)


def judge_unload(
    previous: Attempt | None,
    report: Report,
    after: ObservedModule | None,
    now_us: int,
    chance: float,
    *,
    refcount: int = 0,
    known: Known = NOTHING_KNOWN,
) -> tuple[Outcome, Attempt | None]:
    """What an unload came to; in use is ``blocked``, not failed. ``refcount``: when it was planned."""
    if after is None:
        return (Outcome.UNCHANGED if report.error else Outcome.DONE), None
    if crashed(ActionKind.UNLOAD, report, after):
        diagnosis = oops(ActionKind.UNLOAD)
    else:
        diagnosis = _diagnosis(report, lambda error: unload_failure(error, after, known))
    outcome = Outcome.BLOCKED if diagnosis.condition is Condition.IN_USE else Outcome.FAILED
    attempt = _attempt(ActionKind.UNLOAD, diagnosis, previous, report, now_us, chance)
    return outcome, attempt._replace(refcount=refcount if outcome is Outcome.BLOCKED else 0)


def judge_write(
    previous: Attempt | None,
    report: Report,
    now_us: int,
    chance: float,
    *,
    gone: bool,
    written: Iterable[Parameter] = (),
    known: Known = NOTHING_KNOWN,
) -> tuple[Outcome, Attempt | None]:
    """What a write came to by itself; whether the values hold is seen later (core/ladder.py)."""
    if gone:
        return Outcome.FAILED, None
    if not (report.error or report.lost):
        return Outcome.DONE, None
    untaken = _untaken(written, report.shown)
    if crashed(ActionKind.WRITE, report, None):
        diagnosis = oops(ActionKind.WRITE)
    else:
        diagnosis = _diagnosis(report, lambda error: write_failure(error, untaken, report.messages, known))
    attempt = _attempt(ActionKind.WRITE, diagnosis, previous, report, now_us, chance)
    return Outcome.FAILED, attempt._replace(untaken=untaken)


def _untaken(written: Iterable[Parameter], shown: Mapping[str, str]) -> tuple[Parameter, ...]:
    """Those that do not read as they were written right afterwards, or cannot be read."""
    wanted = tuple(written)
    drifts, unreadable = drifted(wanted, shown, {})
    names = {*(drift.parameter for drift in drifts), *unreadable}
    return tuple(parameter for parameter in wanted if parameter.name in names)


def _diagnosis(report: Report, failure: Callable[[int], Diagnosis]) -> Diagnosis:
    """What is to be made of a report that the kernel does not bear out."""
    if report.lost:
        return LOST
    if not report.begun:
        return NOT_RECORDED
    return failure(report.error) if report.error else UNDONE


def _attempt(
    kind: ActionKind,
    diagnosis: Diagnosis,
    previous: Attempt | None,
    report: Report,
    now_us: int,
    chance: float,
) -> Attempt:
    same = previous is not None and previous.kind is kind
    failures = (previous.failures if previous is not None and same else 0) + 1
    next_us = now_us + backoff_us(failures, chance) if diagnosis.retry is Retry.BACKOFF else 0
    return Attempt(
        kind,
        diagnosis.condition,
        diagnosis.message,
        diagnosis.retry,
        failures,
        next_us,
        report.error,
        report.messages,
        code=diagnosis.told,
    )


def backoff_us(failures: int, chance: float) -> int:
    """Wait after the n-th failure in a row: doubling, capped, spread by up to a fifth either way."""
    plain = min(FIRST_BACKOFF_US << min(failures - 1, 20), LONGEST_BACKOFF_US)
    return int(plain * (1 - JITTER + 2 * JITTER * chance))
