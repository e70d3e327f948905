"""What became of an action, why, and when it is tried again: the fault matrix."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.action import ActionKind
from kmodd.core.judgement import crashed, judge_load, judge_unload, judge_write
from kmodd.core.memory import (
    FIRST_BACKOFF_US,
    JITTER,
    LONGEST_BACKOFF_US,
    Attempt,
    Memory,
    Retry,
    backoff_us,
    overtaken,
)
from kmodd.model import ObservedModule, Report
from kmodd.names import ModuleName
from kmodd.shown import Condition, ModuleState, Outcome

DUMMY = ModuleName("dummy")
LIVE = ObservedModule(DUMMY, ModuleState.LOADED)
COMING = ObservedModule(DUMMY, ModuleState.LOADING)
GOING = ObservedModule(DUMMY, ModuleState.UNLOADING)
ERRORS = st.sampled_from(sorted(errno.errorcode))
CHANGE = Retry.CHANGE


@pytest.mark.shows("fault: EEXIST")
@pytest.mark.parametrize(
    ("report", "after", "outcome", "condition"),
    [
        (Report(), LIVE, Outcome.DONE, None),
        (Report(lost=True), LIVE, Outcome.DONE, None),
        (Report(errno.EEXIST), LIVE, Outcome.UNCHANGED, None),
        (Report(), None, Outcome.FAILED, Condition.BACKING_OFF),
        (Report(lost=True), None, Outcome.FAILED, Condition.BACKING_OFF),
        (Report(lost=True), COMING, Outcome.FAILED, Condition.BACKING_OFF),
        (Report(errno.EINVAL), None, Outcome.FAILED, Condition.FAILED),
        (Report(errno.EEXIST), GOING, Outcome.FAILED, Condition.BACKING_OFF),
    ],
)
def test_a_load_is_judged_by_what_the_kernel_shows(
    report: Report, after: ObservedModule | None, outcome: Outcome, condition: Condition | None
) -> None:
    found, attempt = judge_load(None, report, after, 1000, 0.5)
    assert found is outcome
    assert (attempt.condition if attempt else None) is condition


def test_a_success_that_the_kernel_does_not_show_is_told_from_a_lost_report() -> None:
    for judge, after in ((judge_load, None), (judge_unload, LIVE)):
        _, undone = judge(None, Report(), after, 1000, 0.5)
        _, lost = judge(None, Report(lost=True), after, 1000, 0.5)
        assert undone is not None
        assert lost is not None
        assert "undone" in undone.message
        assert "without a report" in lost.message


@pytest.mark.parametrize(
    ("report", "after", "outcome", "condition"),
    [
        (Report(), None, Outcome.DONE, None),
        (Report(lost=True), None, Outcome.DONE, None),
        (Report(errno.ENOENT), None, Outcome.UNCHANGED, None),
        (Report(errno.EAGAIN), LIVE, Outcome.BLOCKED, Condition.IN_USE),
        (Report(errno.EBUSY), LIVE, Outcome.FAILED, Condition.BACKING_OFF),
        (Report(), LIVE, Outcome.FAILED, Condition.BACKING_OFF),
        (Report(lost=True), GOING, Outcome.FAILED, Condition.BACKING_OFF),
    ],
)
def test_an_unload_is_judged_by_what_the_kernel_shows(
    report: Report, after: ObservedModule | None, outcome: Outcome, condition: Condition | None
) -> None:
    found, attempt = judge_unload(None, report, after, 1000, 0.5)
    assert found is outcome
    assert (attempt.condition if attempt else None) is condition


def test_failures_of_one_kind_are_counted() -> None:
    first = judge_load(None, Report(errno.EBUSY), None, 0, 0.5)[1]
    second = judge_load(first, Report(errno.EBUSY), None, 0, 0.5)[1]
    other = judge_unload(second, Report(errno.EBUSY), LIVE, 0, 0.5)[1]
    assert [attempt.failures for attempt in (first, second, other) if attempt] == [1, 2, 1]


def test_an_attempt_keeps_what_the_kernel_said() -> None:
    attempt = judge_load(None, Report(errno.EINVAL, messages=("dummy: no",)), None, 0, 0.5)[1]
    assert attempt is not None
    assert (attempt.error, attempt.messages) == (errno.EINVAL, ("dummy: no",))


@given(ERRORS, st.integers(0, 1 << 50), st.floats(0, 1, exclude_max=True))
def test_only_what_backs_off_has_a_time(error: int, now_us: int, chance: float) -> None:
    _, attempt = judge_load(None, Report(error), None, now_us, chance)
    assert attempt is not None
    assert (attempt.next_retry_us > now_us) is (attempt.retry is Retry.BACKOFF)


@pytest.mark.shows("fault: EBUSY")
@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_double_up_to_a_cap_and_are_spread(failures: int, chance: float) -> None:
    middle = backoff_us(failures, 0.5)
    assert middle == min(FIRST_BACKOFF_US * 2 ** (failures - 1), LONGEST_BACKOFF_US)
    assert abs(backoff_us(failures, chance) - middle) <= JITTER * middle + 1


def test_the_spread_is_used() -> None:
    assert backoff_us(1, 0.0) < backoff_us(1, 0.5) < backoff_us(1, 0.99)


@pytest.mark.parametrize(
    ("kind", "seen", "ends"),
    [
        (ActionKind.LOAD, LIVE, True),
        (ActionKind.LOAD, COMING, False),
        (ActionKind.LOAD, None, False),
        (ActionKind.UNLOAD, None, True),
        (ActionKind.UNLOAD, LIVE, False),
        (ActionKind.WRITE, LIVE, False),
    ],
)
def test_a_failure_is_overtaken_by_what_others_did(
    kind: ActionKind, seen: ObservedModule | None, ends: bool
) -> None:
    attempt = Attempt(kind, Condition.FAILED, "", CHANGE, 1)
    observed = {DUMMY: seen} if seen else {}
    assert overtaken(Memory({DUMMY: attempt}), observed) == ({DUMMY} if ends else frozenset())


# ------------------------------------------------------------------------------------- crashes

BUG = ("BUG: unable to handle page fault for address: 00000000deadbeef",)


@pytest.mark.parametrize(
    ("kind", "report", "after", "is_one"),
    [
        (ActionKind.LOAD, Report(lost=True, died=True), COMING, True),
        (ActionKind.LOAD, Report(lost=True, died=True), LIVE, False),
        (ActionKind.LOAD, Report(lost=True, died=True), None, False),
        (ActionKind.LOAD, Report(lost=True), COMING, False),
        (ActionKind.LOAD, Report(errno.EBUSY), COMING, False),
        (ActionKind.UNLOAD, Report(lost=True, died=True), GOING, True),
        (ActionKind.UNLOAD, Report(lost=True, died=True), COMING, False),
        (ActionKind.WRITE, Report(lost=True, died=True, messages=BUG), LIVE, True),
        (ActionKind.WRITE, Report(lost=True, died=True, messages=("dummy: 3 set",)), LIVE, False),
    ],
)
def test_what_is_a_crash(
    kind: ActionKind, report: Report, after: ObservedModule | None, is_one: bool
) -> None:
    assert crashed(kind, report, after) is is_one


def test_a_write_that_crashed_is_not_tried_again() -> None:
    report = Report(lost=True, died=True, messages=BUG)
    outcome, attempt = judge_write(None, report, 0, 0.5, gone=False)
    assert (outcome, attempt and (attempt.condition, attempt.message, attempt.next_retry_us)) == (
        Outcome.FAILED,
        (
            Condition.FAILED,
            "oops: setting a parameter crashed in the kernel; nobody tries that again before the next boot",
            0,
        ),
    )


def test_what_is_not_written_down_is_not_begun() -> None:
    report = Report(errno.ENOSPC, unwritten=errno.ENOSPC, begun=False)
    _, attempt = judge_load(None, report, None, 0, 0.5)
    assert attempt is not None
    assert (attempt.condition, attempt.message) == (
        Condition.BACKING_OFF,
        "not-recorded: it was not begun, because that cannot be written down first and kmodd.toml says "
        'quarantine = "strict"; make room in the state directory of kmodd',
    )
