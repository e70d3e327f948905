"""The trigger on a clock of its own: time passes only when the loop would sleep."""

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.events.trigger import EVERYTHING, MOST_NAMES, NOTHING, SHARE, Look, TokenBucket, Trigger
from kmodd.names import ModuleName

T = TypeVar("T")
CONFIG = Look(config=True)
DUMMY = Look(modules=frozenset((ModuleName("dummy"),)))


class Clock(selectors.SelectSelector):
    """Turns sleeping into time passed; without any timer, the next of ``when_idle`` happens."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.when_idle: deque[Callable[[], None]] = deque()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            assert self.when_idle, "the loop would sleep for ever"
            self.when_idle.popleft()()
        elif timeout > 0:
            self.now += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on that clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        super().__init__(clock)

    def time(self) -> float:
        return self._clock.now


def run(scenario: Callable[[Clock], Coroutine[Any, Any, T]]) -> T:
    clock = Clock()
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(scenario(clock))


def free() -> TokenBucket:
    """A bucket that is never empty."""
    return TokenBucket(rate_hz=1e6, burst=1_000_000)


def devices(*paths: str) -> Look:
    return Look(devices=frozenset(paths))


def test_first_event_of_a_quiet_time_acts_at_once() -> None:
    async def scenario(clock: Clock) -> tuple[Look, float]:
        trigger = Trigger(0.1)
        started = clock.now
        clock.when_idle.append(lambda: trigger.notify(CONFIG))
        return await trigger.wait(), clock.now - started

    assert run(scenario) == (CONFIG, 0.0)


def test_what_follows_within_the_quiet_time_is_one_look() -> None:
    async def scenario(clock: Clock) -> tuple[Look, float]:
        trigger = Trigger(0.1)
        trigger.notify(CONFIG)
        await trigger.wait()
        first = clock.now
        loop = asyncio.get_running_loop()
        loop.call_later(0.02, trigger.notify, DUMMY)
        loop.call_later(0.05, trigger.notify, devices("/sys/devices/a"))
        return await trigger.wait(), clock.now - first

    look, elapsed = run(scenario)
    assert look == DUMMY | devices("/sys/devices/a")
    assert elapsed == pytest.approx(0.1)


@pytest.mark.shows("fault: SIGHUP")
def test_a_pass_in_progress_gathers_the_rest() -> None:
    async def scenario(clock: Clock) -> tuple[Look, float]:
        trigger = Trigger(0.1)
        trigger.notify(CONFIG)
        await trigger.wait()
        trigger.notify(DUMMY)
        await asyncio.sleep(5.0)
        trigger.notify(CONFIG)
        ended = clock.now
        return await trigger.wait(), clock.now - ended

    assert run(scenario) == (CONFIG | DUMMY, 0.0)


def test_after_a_long_pass_more_is_gathered() -> None:
    async def scenario(clock: Clock) -> list[float]:
        trigger = Trigger(0.1)
        began = []
        for pass_time_s in (0.01, 0.1, 0.4):
            trigger.notify(CONFIG)
            await trigger.wait()
            began.append(clock.now)
            await asyncio.sleep(pass_time_s)
        trigger.notify(CONFIG)
        await trigger.wait()
        return [b - a for a, b in pairwise([*began, clock.now])]

    assert run(scenario) == pytest.approx([0.1, 0.1 * SHARE, 1.0])


@pytest.mark.parametrize("late", [False, True])
def test_what_somebody_waits_for_is_not_gathered(late: bool) -> None:
    """Whether it comes in the middle of the pass before it, or after that."""

    async def scenario(clock: Clock) -> tuple[Look, float]:
        trigger = Trigger(0.1)
        trigger.notify(CONFIG)
        await trigger.wait()
        trigger.notify(DUMMY)
        hurry = partial(trigger.notify, devices("/sys/devices/a"), gather=False)
        asyncio.get_running_loop().call_later(0.03, hurry)
        began = clock.now
        await asyncio.sleep(0.0 if late else 0.05)
        return await trigger.wait(), clock.now - began

    look, elapsed = run(scenario)
    assert look == DUMMY | devices("/sys/devices/a")
    assert elapsed == pytest.approx(0.03 if late else 0.05)


def test_idle_needs_no_timer() -> None:
    async def scenario(clock: Clock) -> int:
        trigger = Trigger(0.1)
        trigger.notify(CONFIG)
        await trigger.wait()
        trigger.wake_at(clock.now + 3600)
        trigger.wake_at(None)
        # The clock insists that the loop sleeps without a timeout before this happens.
        clock.when_idle.append(lambda: trigger.notify(DUMMY))
        await trigger.wait()
        return len(clock.when_idle)

    assert run(scenario) == 0


def test_wakes_for_a_retry_and_only_once() -> None:
    async def scenario(clock: Clock) -> list[tuple[Look, float]]:
        trigger = Trigger(0.1)
        started = clock.now
        trigger.wake_at(started + 30)
        looks = [(await trigger.wait(), clock.now - started)]
        clock.when_idle.append(lambda: trigger.notify(DUMMY))
        looks.append((await trigger.wait(), clock.now - started))
        return looks

    (first, after), (second, _) = run(scenario)
    assert (first, second) == (Look(retry=True), DUMMY)
    assert after == pytest.approx(30)


def test_an_earlier_wake_up_time_replaces_a_later_one_while_waiting() -> None:
    async def scenario(clock: Clock) -> float:
        trigger = Trigger(0.1)
        started = clock.now
        trigger.wake_at(started + 30)
        asyncio.get_running_loop().call_later(1, trigger.wake_at, started + 2)
        await trigger.wait()
        return clock.now - started

    assert run(scenario) == pytest.approx(2)


def test_an_event_before_the_wake_up_time_leaves_that_in_force() -> None:
    async def scenario(clock: Clock) -> list[Look]:
        trigger = Trigger(0.1)
        trigger.wake_at(clock.now + 30)
        asyncio.get_running_loop().call_later(1, trigger.notify, DUMMY)
        return [await trigger.wait(), await trigger.wait()]

    assert run(scenario) == [DUMMY, Look(retry=True)]


@pytest.mark.shows("fault: SIGHUP")
def test_a_flood_is_capped_in_passes_a_second() -> None:
    async def scenario(clock: Clock) -> list[float]:
        trigger = Trigger(0.0, TokenBucket(rate_hz=2.0, burst=3))
        started = clock.now
        passes = []
        for _ in range(6):
            trigger.notify(DUMMY)
            await trigger.wait()
            passes.append(clock.now - started)
        return passes

    assert run(scenario) == pytest.approx([0, 0, 0, 0.5, 1.0, 1.5])


def test_a_wake_up_time_gone_by_is_no_way_round_the_quiet_time() -> None:
    async def scenario(clock: Clock) -> float:
        trigger = Trigger(0.1)
        started = clock.now
        for _ in range(3):
            trigger.wake_at(started - 1)
            await trigger.wait()
        return clock.now - started

    assert run(scenario) == pytest.approx(0.2)


def test_nothing_is_an_empty_look_and_is_never_handed_out() -> None:
    async def scenario(clock: Clock) -> Look:
        trigger = Trigger(0.1)
        trigger.notify(NOTHING)
        clock.when_idle.append(lambda: trigger.notify(CONFIG))
        return await trigger.wait()

    assert not NOTHING
    assert run(scenario) == CONFIG


def test_cancelled_waiting_loses_nothing() -> None:
    async def scenario(clock: Clock) -> Look:
        trigger = Trigger(0.1)
        task = asyncio.create_task(trigger.wait())
        await asyncio.sleep(0)
        trigger.notify(DUMMY)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await trigger.wait()

    assert run(scenario) == DUMMY


NAMES = st.sets(st.sampled_from("abcdef"), max_size=3)
LOOKS = st.builds(
    lambda config, full, names, paths: Look(
        config=config,
        full=full,
        modules=frozenset(map(ModuleName, names)),
        parameters=frozenset(map(ModuleName, names)),
        devices=frozenset(f"/sys/devices/{path}" for path in paths),
    ),
    st.booleans(),
    st.booleans(),
    NAMES,
    NAMES,
)


def covers(one: Look, other: Look) -> bool:
    """Whether a pass that reads what ``one`` says reads all that ``other`` says."""
    return one | other == one


@given(LOOKS, LOOKS)
def test_a_merged_look_covers_both_and_order_does_not_matter(one: Look, other: Look) -> None:
    merged = one | other
    assert covers(merged, one)
    assert covers(merged, other)
    assert merged == other | one


@given(LOOKS)
def test_everything_covers_any_look(look: Look) -> None:
    assert covers(EVERYTHING, look)


@pytest.mark.parametrize("kind", ["modules", "parameters", "devices"])
def test_too_many_names_become_one_look_at_all(kind: str) -> None:
    half = MOST_NAMES // 2 + 1
    named: list[dict[str, Any]] = [
        {kind: frozenset(map(str, range(start, start + half)))} for start in (0, half)
    ]
    one, two = (Look(**names) for names in named)
    merged = one | two
    assert getattr(merged, kind) == frozenset()
    assert merged.all_devices
    assert merged.full == (kind != "devices")


@given(
    events=st.lists(st.tuples(st.floats(0, 0.5), LOOKS.filter(bool)), min_size=1, max_size=30),
    pass_time_s=st.floats(0, 0.3),
    quiet_time_s=st.floats(0, 0.2),
)
def test_nothing_is_lost_and_the_quiet_time_is_kept(
    events: list[tuple[float, Look]], pass_time_s: float, quiet_time_s: float
) -> None:
    async def scenario(clock: Clock) -> tuple[list[tuple[float, Look]], list[tuple[float, Look]]]:
        trigger = Trigger(quiet_time_s, free())
        sent: list[tuple[float, Look]] = []
        seen: list[tuple[float, Look]] = []
        done = Look(retry=True)

        async def produce() -> None:
            for delay, look in events:
                await asyncio.sleep(delay)
                trigger.notify(look)
                sent.append((clock.now, look))
            trigger.wake_at(clock.now)

        async with asyncio.TaskGroup() as group:
            group.create_task(produce())
            while not seen or not covers(seen[-1][1], done):
                look = await trigger.wait()
                seen.append((clock.now, look))
                await asyncio.sleep(pass_time_s)
        return sent, seen

    sent, seen = run(scenario)
    for when, look in sent:
        later = NOTHING
        for at, other in seen:
            later = later | other if at >= when else later
        assert covers(later, look)
    starts = [at for at, _ in seen]
    assert all(b - a >= quiet_time_s - 1e-6 for a, b in pairwise(starts))


def test_what_is_not_gathered_spends_nothing_of_what_is_capped() -> None:
    async def scenario(clock: Clock) -> float:
        trigger = Trigger(0.0, TokenBucket(rate_hz=1.0, burst=2))
        for _ in range(20):
            trigger.notify(DUMMY, gather=False)
            await trigger.wait()
        began = clock.now
        for _ in range(3):
            trigger.notify(CONFIG)
            await trigger.wait()
        return clock.now - began

    assert run(scenario) == pytest.approx(1.0)
