"""What is kept of a module before kmodd touches it, and the steps back, one case at a time."""

from collections.abc import Iterable

import pytest

from kmodd.action import ActionKind
from kmodd.core.checkpoint import Before, claimed, noted, noted_back, settable, settled
from kmodd.core.memory import Attempt, LoadRecord, Memory, Retry
from kmodd.core.resolve import DesiredModule, DesiredState
from kmodd.core.way_back import MOST_TRIES, RELOAD_TRIES, WayBack, way_back
from kmodd.model import (
    Desired,
    LoadRequest,
    ModuleInfo,
    ObservedModule,
    Parameter,
    UnloadRequest,
    User,
    WriteRequest,
)
from kmodd.names import ModuleName
from kmodd.shown import Condition, ModuleState

A, B = ModuleName("a"), ModuleName("b")
LOAD, UNLOAD = LoadRequest(A, "/a.ko"), UnloadRequest(A)
WRITE = WriteRequest(A, (Parameter("x-y", "2"),))
OURS = LoadRecord(2, (), 5, 1)


def loaded(instance: int, name: ModuleName = A, **parameters: str) -> ObservedModule:
    """A module in the kernel, all of whose parameters can be written."""
    return ObservedModule(
        name, ModuleState.LOADED, parameters=parameters, writable=frozenset(parameters), instance=instance
    )


def back(
    before: Before,
    *seen: ObservedModule,
    record: LoadRecord | None = None,
    users: Iterable[User] = (),
    memory: Memory | None = None,
    wanted: bool = False,
) -> WayBack:
    """One round for module a."""
    modules = {A: DesiredModule(A, Desired.LOADED)} if wanted else {}
    infos = {A: ModuleInfo(A, "/a.ko", options="z=1"), B: ModuleInfo(B, "/b.ko", dependencies=(A,))}
    known = memory or Memory(loads={A: record} if record else {})
    observed = {each.name: each for each in seen}
    return way_back({A: before}, DesiredState(modules, infos), infos, observed, known, {A: tuple(users)})


# ------------------------------------------------------------------------------------ what is kept


def test_the_first_touch_keeps_what_was_there() -> None:
    assert noted(None, LOAD, None, None) == Before(loading=True)
    before = noted(None, UNLOAD, loaded(1, y="Y"), None)
    assert before == Before(1, (Parameter("y", "Y"),), out=True)
    record = LoadRecord(1, (Parameter("hidden", "3"),), 5, 1)
    assert noted(None, WRITE, loaded(1), record).given == (Parameter("hidden", "3"),)


def test_later_touches_keep_it_and_add_what_was_written() -> None:
    first = noted(None, UNLOAD, loaded(1), None)
    second = noted(settled(first, is_in=False), LOAD, None, None)
    assert (second.instance, second.out, second.loading) == (1, True, True)
    third = noted(settled(second, is_in=True), WRITE, loaded(2, x_y="1"), OURS)
    assert (third.instance, third.written, third.out, third.loading) == (1, frozenset(("x_y",)), False, False)


def test_what_others_made_of_it_is_where_a_new_count_begins() -> None:
    first = settled(noted(None, LOAD, None, None), is_in=True)
    assert noted(first, WRITE, loaded(7, x_y="5"), None) == Before(
        7, (Parameter("x_y", "5"),), written=frozenset(("x_y",))
    )
    written = settled(noted(None, WRITE, loaded(1, x_y="5"), None), is_in=True)
    assert noted(written, LOAD, None, None) == Before(loading=True)  # others have taken it out


def test_a_load_whose_end_nobody_saw_claims_what_it_left() -> None:
    loading = noted(None, LOAD, None, None)
    assert claimed(loading, loaded(3), None).claimed == 3
    assert claimed(settled(loading, is_in=True), loaded(3), None).claimed == 0
    assert claimed(loading, loaded(2), OURS).claimed == 0
    again = noted(loading, UNLOAD, loaded(3), None)
    assert (again.instance, again.claimed) == (0, 3)


def test_a_step_back_is_counted() -> None:
    assert noted_back(Before(1, tries=1), LOAD) == Before(1, loading=True, tries=2)


@pytest.mark.parametrize("value", ["(null)", 'a"b', "a\nb", "\x1b"])
def test_what_no_option_can_say_is_not_settable(value: str) -> None:
    assert settable((Parameter("x", value), Parameter("y", "a b"))) == (Parameter("y", "a b"),)


# -------------------------------------------------------------------------------------- the steps


def test_nothing_to_do() -> None:
    for before, seen in (
        (Before(), ()),
        (Before(), (loaded(9),)),  # somebody else's
        (Before(1), ()),  # somebody else took it out
        (Before(1), (loaded(9),)),
        (Before(1, (Parameter("x", "1"),)), (loaded(1, x="2"),)),  # somebody else wrote it
        (Before(1, (Parameter("x", "0x10"),), written=frozenset("x")), (loaded(1, x="16"),)),
    ):
        assert back(before, *seen)[:2] == ((), ())


def test_a_load_of_ours_is_taken_out() -> None:
    for before, record in ((Before(), OURS), (Before(claimed=2), None), (Before(loading=True), None)):
        (step,) = back(before, loaded(2), record=record).steps
        assert (step.kind, step.request) == (ActionKind.UNLOAD, UNLOAD)
        assert step.reason == "taken back: a checkpoint is rolled back"


def test_what_was_taken_out_is_loaded_with_what_kmodd_had_set() -> None:
    (step,) = back(Before(1, given=(Parameter("z", "5"), Parameter("w", "a b")), out=True)).steps
    assert step.request == LoadRequest(A, "/a.ko", 'z=5 w="a b"')
    assert step.parameters == (Parameter("z", "5"), Parameter("w", "a b"))


def test_parameters_taken_at_a_load_only_come_by_one_more_load_and_not_by_two() -> None:
    before = Before(1, (Parameter("x", "3"), Parameter("t", "(null)")))
    seen = loaded(2, x="0", t="text")._replace(writable=frozenset())
    round_ = back(before, seen, record=OURS)
    assert [step.request for step in round_.steps] == [UNLOAD]
    assert round_.touched[A].given == (Parameter("x", "3"),)
    tired = back(before._replace(tries=RELOAD_TRIES), seen, record=OURS)
    assert (tired.steps, tired.left) == ((), ("a: t, x cannot be put back",))


def test_what_does_not_stay_as_it_is_put_back_is_left() -> None:
    before = Before(1, (Parameter("x", "3"),), written=frozenset("x"))
    assert [step.kind for step in back(before, loaded(1, x="9")).steps] == [ActionKind.WRITE]
    assert back(before._replace(tries=MOST_TRIES), loaded(1, x="9")).left == ("a: x cannot be put back",)


def test_what_was_not_known_before_is_said() -> None:
    assert back(Before(1, written=frozenset("x")), loaded(1)).left == ("a: x cannot be put back",)


@pytest.mark.parametrize(
    ("seen", "users", "said"),
    [
        (loaded(2)._replace(refcount=2), (), "unattributed: 2"),
        (loaded(2)._replace(refcount=1, holders=(B,)), (), "b"),
        (loaded(2)._replace(permanent=True), (), "the kernel, for good"),
        (loaded(2), (User("interface", "interface x (up)"),), "interface x (up)"),
        (loaded(2)._replace(refcount=1), (User("mount", "mount /x", 1),), "mount /x"),
    ],
)
def test_what_is_in_use_is_left_and_said_unless_the_files_want_it(
    seen: ObservedModule, users: tuple[User, ...], said: str
) -> None:
    round_ = back(Before(), seen, record=OURS, users=users)
    assert (round_.steps, round_.left) == ((), (f"a: it is in use by {said}",))
    assert round_.asks == {A}
    assert back(Before(), seen, record=OURS, users=users, wanted=True)[:2] == ((), ())


def test_a_bound_device_does_not_keep_it() -> None:
    assert back(Before(), loaded(2), record=OURS, users=(User("device", "pci 1"),)).steps


@pytest.mark.parametrize("state", [ModuleState.LOADING, ModuleState.UNLOADING])
def test_what_is_coming_or_going_is_left(state: ModuleState) -> None:
    assert back(Before(), loaded(2)._replace(state=state), record=OURS).left == (f"a: it is {state}",)


def test_a_module_without_a_file_is_left() -> None:
    round_ = way_back({A: Before(1, out=True)}, DesiredState({}, {}), {}, {}, Memory(), {})
    assert round_.left == ("a: there is no file any more to load it from",)


@pytest.mark.parametrize("seen", [(), (loaded(2),)])
def test_what_failed_is_not_tried_again(seen: tuple[ObservedModule, ...]) -> None:
    failed = Attempt(ActionKind.LOAD, Condition.FAILED, "init-error: no", Retry.CHANGE, 1)
    memory = Memory(loads={A: OURS}, attempts={A: failed})
    before = Before() if seen else Before(1, out=True)
    assert back(before, *seen, memory=memory)[:2] == ((), ("a: init-error: no",))


def test_holders_go_first_and_needs_come_first() -> None:
    held = loaded(2)._replace(refcount=1, holders=(B,))
    records = Memory(loads={A: OURS, B: LoadRecord(3, (), 5, 1)})
    infos = {A: ModuleInfo(A, "/a.ko"), B: ModuleInfo(B, "/b.ko", dependencies=(A,))}
    both = {A: Before(), B: Before()}
    out = way_back(both, DesiredState({}, infos), infos, {A: held, B: loaded(3, B)}, records, {})
    assert [(step.module, step.strong) for step in out.steps] == [(B, ()), (A, (B,))]
    gone = {B: Before(1, out=True), A: Before(1, out=True)}
    back_in = way_back(gone, DesiredState({}, infos), infos, {}, Memory(), {})
    assert [(step.module, step.strong) for step in back_in.steps] == [(A, ()), (B, (A,))]
