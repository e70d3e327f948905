"""What succeeds and does not hold: done again, ever less often, and never in a tight loop."""

from collections.abc import Callable
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.action import ActionKind
from kmodd.core.draft import Verdict
from kmodd.core.memory import HOLD_US, Memory, Success, Successes, backoff_us, succeeded
from kmodd.model import Declaration, Desired, Parameter, ParameterPolicy
from kmodd.names import ModuleName
from kmodd.shown import Condition, Drift
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import NOW_US, Planned, carry_out, looked, planned
from tests.support.simulated_kernel import SimulatedKernel, module

CARD, OTHER = ModuleName("card"), ModuleName("other")
LOAD, UNLOAD, WRITE = ActionKind.LOAD, ActionKind.UNLOAD, ActionKind.WRITE


def repeated(kind: ActionKind, *times_us: int, before: Successes | None = None) -> Successes:
    successes = before or {}
    for now_us in times_us:
        successes = succeeded(successes, CARD, kind, now_us, 0.5)
    return successes


@given(st.lists(st.integers(0, HOLD_US - 1), min_size=1, max_size=12))
def test_each_time_that_it_does_not_hold_makes_the_wait_longer(pauses_us: list[int]) -> None:
    successes, now_us = repeated(LOAD, NOW_US), NOW_US
    for times, pause_us in enumerate(pauses_us, 2):
        now_us = successes[CARD, LOAD].next_us + pause_us
        successes = repeated(LOAD, now_us, before=successes)
        assert successes[CARD, LOAD].times == times
        assert successes[CARD, LOAD].next_us - now_us == backoff_us(times, 0.5)


def test_what_has_held_for_a_while_is_a_first_time_again() -> None:
    first = repeated(WRITE, NOW_US, NOW_US + 1)
    assert first[CARD, WRITE].times == 2
    due_us = first[CARD, WRITE].next_us
    assert repeated(WRITE, due_us + HOLD_US - 1, before=first)[CARD, WRITE].times == 3
    assert repeated(WRITE, due_us + HOLD_US, before=first)[CARD, WRITE].times == 1


def test_what_is_done_because_something_else_is_desired_repeats_nothing() -> None:
    flapping: Successes = {}
    for now_us in range(NOW_US, NOW_US + 10):
        flapping = repeated(UNLOAD, now_us, before=repeated(LOAD, now_us, before=flapping))
    assert flapping == repeated(UNLOAD, NOW_US + 9)


def test_kinds_and_modules_are_counted_apart() -> None:
    both = repeated(WRITE, NOW_US, before=repeated(UNLOAD, NOW_US))
    assert both.keys() == {(CARD, UNLOAD), (CARD, WRITE)}
    assert succeeded(both, OTHER, LOAD, NOW_US, 0.5).keys() == both.keys() | {(OTHER, LOAD)}


# ------------------------------------------------------------- another party undoes it each time

Undo = Callable[[SimulatedKernel], None]


def write_back(kernel: SimulatedKernel) -> None:
    kernel.poke("card", "volume", "0")


def rmmod(kernel: SimulatedKernel) -> None:
    kernel.remove("card")


def insmod(kernel: SimulatedKernel) -> None:
    kernel.insert("card")


def load_anew(kernel: SimulatedKernel) -> None:
    kernel.remove("card")
    kernel.insert("card")


def declared(state: Desired = Desired.LOADED, **parameters: str) -> Declaration:
    given_ = tuple(Parameter(*item) for item in parameters.items())
    return Declaration(CARD, state, given_, on_parameter_change=ParameterPolicy.RELOAD)


HOSTILE = [
    pytest.param(declared(volume="7"), write_back, WRITE, "written", id="writes-back"),
    pytest.param(declared(), rmmod, LOAD, "loaded", id="unloads"),
    pytest.param(declared(Desired.UNLOADED), insmod, UNLOAD, "taken out", id="loads"),
    pytest.param(declared(index="1"), load_anew, UNLOAD, "taken out", id="loads-with-other-parameters"),
    pytest.param(declared(volume="7", index="1"), load_anew, WRITE, "written", id="loads-without-any"),
]


def take_turns() -> Undo:
    """Somebody who unloads it one time, and loads it otherwise the next."""
    turns = cycle((rmmod, load_anew))

    def undo(kernel: SimulatedKernel) -> None:
        next(turns)(kernel)

    return undo


class Fight:
    """kmodd and somebody who undoes what it does, at once, for an hour."""

    def __init__(self, declaration: Declaration, undo: Undo) -> None:
        card = module("card", volume=KernelParameter(), index=KernelParameter(mode=0o444))
        self.kernel = SimulatedKernel([card])
        self.declaration = declaration
        self.undo = undo
        self.memory = Memory()
        self.now_us = NOW_US

    def plan(self) -> Planned:
        found = planned(self.kernel, [self.declaration], memory=self.memory, now_us=self.now_us)
        self.memory = looked(found, self.memory, self.now_us)
        return found

    def answer(self) -> int:
        """Carry out plans until nothing is to be done now; the number of steps."""
        steps = 0
        while (found := self.plan()).plan.steps:
            self.memory = carry_out(self.kernel, found.plan, self.memory, self.now_us)
            steps += len(found.plan.steps)
            assert steps < 5
        return steps

    def wait(self, found: Planned) -> None:
        assert found.plan.wake_at_us > self.now_us
        self.now_us = found.plan.wake_at_us


@pytest.mark.parametrize(("declaration", "undo", "kind", "word"), HOSTILE)
def test_a_fight_gets_ever_slower(declaration: Declaration, undo: Undo, kind: ActionKind, word: str) -> None:
    fight = Fight(declaration, undo)
    fight.answer()
    pauses_us = []
    for _ in range(14):
        undo(fight.kernel)
        began_us = fight.now_us
        while not fight.answer():
            fight.wait(fight.plan())
        pauses_us.append(fight.now_us - began_us)
    assert sum(pauses_us) > 600e6, "some hundred in ten minutes would be a tight loop"
    assert fight.memory.successes[CARD, kind].times > 10
    undo(fight.kernel)
    assert f"{word} {fight.memory.successes[CARD, kind].times} times, and undone each time" in (
        fight.plan().plan.verdicts[CARD].message
    )


@pytest.mark.parametrize(("declaration", "undo", "kind", "word"), HOSTILE)
def test_the_first_time_is_answered_at_once_and_the_second_after_a_moment(
    declaration: Declaration, undo: Undo, kind: ActionKind, word: str
) -> None:
    fight = Fight(declaration, undo)
    fight.answer()
    fight.now_us += 2 * HOLD_US
    undo(fight.kernel)
    assert fight.answer()
    undo(fight.kernel)
    assert not [step for step in fight.plan().plan.steps if step.kind is kind]
    verdict = fight.plan().plan.verdicts[CARD]
    assert verdict.condition is not Condition.IN_SYNC
    assert f"{word} a moment ago, and undone each time" in verdict.message
    fight.wait(fight.plan())
    assert fight.answer()


def test_who_takes_turns_at_undoing_gains_nothing() -> None:
    undo, fight = take_turns(), Fight(declared(index="1"), rmmod)
    fight.answer()
    for _ in range(24):
        undo(fight.kernel)
        while not fight.answer():
            fight.wait(fight.plan())
    assert fight.now_us - NOW_US > 600e6
    assert CARD in fight.kernel.present()


def test_a_reload_is_not_begun_while_its_load_would_be_put_off() -> None:
    fight = Fight(declared(index="1"), rmmod)
    fight.kernel.insert("card")
    due_us = NOW_US + 9_000_000
    fight.memory = Memory(successes={(CARD, LOAD): Success(7, NOW_US, due_us)})
    found = fight.plan()
    assert not found.plan.steps
    assert found.plan.wake_at_us == due_us
    assert found.plan.verdicts[CARD] == Verdict(
        Condition.RELOAD_PENDING,
        "index is '0', wanted '1'; loaded 7 times, and undone each time",
        (Drift("index", "1", "0"),),
    )
    fight.wait(found)
    assert fight.answer() == 2


def test_a_reload_is_one_thing_done_and_the_load_in_it_does_not_wait() -> None:
    fight = Fight(declared(index="1"), load_anew)
    fight.answer()
    for _ in range(9):
        load_anew(fight.kernel)
        while not fight.plan().plan.steps:
            fight.wait(fight.plan())
        assert fight.answer() == 2, "out and in again, nothing between"
        assert CARD in fight.kernel.present()
