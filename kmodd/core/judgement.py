"""What an action came to, by what the kernel shows after it, and when a failure is tried again."""

from collections.abc import Callable, Iterable, Mapping
from errno import ENOENT

from kmodd.action import ActionKind
from kmodd.core.crash import tells_of_crash
from kmodd.core.diagnose import (
    LOST,
    NEED_MOVED,
    NOT_RECORDED,
    NOTHING_KNOWN,
    UNDONE,
    Diagnosis,
    Known,
    oops,
    unload_failure,
    write_failure,
)
from kmodd.core.load_failure import load_failure
from kmodd.core.memory import STUCK, Attempt, Retry, backoff_us
from kmodd.core.parameters import drifted
from kmodd.model import ObservedModule, Parameter, Report
from kmodd.shown import Condition, ModuleState, Outcome


def crashed(kind: ActionKind, report: Report, after: ObservedModule | None) -> bool:
    """Whether the kernel killed the process in the middle of the change: nothing will ever end it.

    A process that was killed by a signal dies when its system call is over, and init or exit with it.
    """
    if not report.died:
        return False
    if kind is ActionKind.WRITE:
        return tells_of_crash(report.messages)
    return after is not None and after.state is STUCK[kind]


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
