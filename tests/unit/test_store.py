"""What is remembered in one life of the daemon, and what beyond it."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.action import ActionKind
from kmodd.core.memory import Attempt, Flight, LoadRecord, Retry, Wait
from kmodd.daemon.memory_file import FORMAT
from kmodd.daemon.store import MemoryStore
from kmodd.model import ObservedModule, Parameter
from kmodd.names import ModuleName
from kmodd.shown import Condition, ModuleState

A, B = ModuleName("a"), ModuleName("b")
RECORD = LoadRecord(77, (Parameter("level", "3 à"), Parameter("name", "")), 1000, 20)


def attempt(retry: Retry) -> Attempt:
    return Attempt(ActionKind.LOAD, Condition.FAILED, "it failed", retry, 1)


def test_an_action_from_beginning_to_end(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    store.begin(A, ActionKind.LOAD, 5)
    assert store.memory.in_flight == {A: Flight(ActionKind.LOAD, 5)}
    store.end(A, attempt(Retry.CHANGE))
    assert store.memory.in_flight == {}
    assert store.memory.attempts == {A: attempt(Retry.CHANGE)}
    store.begin(A, ActionKind.LOAD, 6)
    assert store.attempt(A) == attempt(Retry.CHANGE)
    store.end(A, None)
    assert store.attempt(A) is None


def test_what_has_ended_well_is_told_by_number_not_by_time(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    for module in (A, B):
        store.begin(module, ActionKind.LOAD, 5)
    store.end(A, None)
    between = store.ends
    assert not store.ended_since(between)
    store.end(B, attempt(Retry.CHANGE))
    assert not store.ended_since(between), "a failure stands by itself"
    store.begin(A, ActionKind.WRITE, 5)
    store.end(A, None)
    assert store.ended_since(between) == {A: Flight(ActionKind.WRITE, 5)}
    assert not store.ended_since(store.ends)


def test_a_memory_does_not_change_any_more(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    before = store.memory
    store.begin(A, ActionKind.LOAD, 5)
    store.remember_load(A, RECORD)
    assert not before.in_flight
    assert not before.loads


def test_loads_survive_a_restart_and_failures_do_not(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    store.remember_load(A, RECORD)
    store.begin(B, ActionKind.LOAD, 5)
    store.end(B, attempt(Retry.BACKOFF))
    after = MemoryStore(tmp_path / "loads.json").memory
    assert after.loads == {A: RECORD}
    assert not after.attempts


def test_what_was_ignored_survives_a_restart_and_an_older_record_has_none(tmp_path: Path) -> None:
    path = tmp_path / "loads.json"
    record = RECORD._replace(ignored=(Parameter("phantom", "1"),))
    MemoryStore(path).remember_load(A, record)
    assert MemoryStore(path).memory.loads == {A: record}
    document = json.loads(path.read_text())
    del document["loads"]["a"]["ignored"]
    path.write_text(json.dumps(document))
    assert MemoryStore(path).memory.loads == {A: RECORD}


def test_what_is_owed_and_who_was_met_survive_a_restart(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    store.owe(A)
    store.look({}, {B})
    after = MemoryStore(tmp_path / "loads.json").memory
    assert after.owed == {A}
    assert after.met == {B}


def test_what_is_owed_is_paid_when_it_is_seen_in_the_kernel_again(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    store.owe(A)
    store.look({A: ObservedModule(A, ModuleState.LOADING)}, ())
    assert store.memory.owed == {A}
    store.begin(A, ActionKind.UNLOAD, 5)
    store.look({A: ObservedModule(A, ModuleState.LOADED)}, ())
    assert store.memory.owed == {A}, "its unload is only under way"
    store.end(A, None)
    store.look({A: ObservedModule(A, ModuleState.LOADED)}, ())
    assert store.memory.owed == frozenset()
    assert MemoryStore(tmp_path / "loads.json").memory.owed == frozenset()


def test_a_device_that_has_gone_was_met_all_the_same(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    store.look({}, {A})
    store.look({A: ObservedModule(A, ModuleState.LOADED)}, ())
    assert store.memory.met == {A}
    store.look({}, ())
    assert not store.memory.met, "neither device nor module: nothing to follow any more"


def test_a_look_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    store.look({A: ObservedModule(A, ModuleState.LOADED)}, ())
    assert not (tmp_path / "loads.json").exists()
    store.look({}, {A})
    before = (tmp_path / "loads.json").stat().st_ino
    store.look({}, {A})
    assert (tmp_path / "loads.json").stat().st_ino == before


def test_what_cannot_be_kept_of_a_look_is_known_until_the_end(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "gone" / "loads.json")
    store.look({}, {A})
    assert store.memory.met == {A}


def test_owing_is_refused_where_it_cannot_be_kept(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "gone" / "loads.json")
    with pytest.raises(FileNotFoundError):
        store.owe(A)


def test_writes_are_remembered_beside_the_load_of_the_same_instance(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    store.remember_load(A, RECORD)
    store.remember_write(A, 77, (Parameter("level", "4"), Parameter("new", "1")), (Parameter("new", "Y"),))
    record = store.memory.loads[A]
    assert record.parameters == (Parameter("level", "4"), Parameter("name", ""), Parameter("new", "1"))
    assert record.shown == (Parameter("new", "Y"),)
    assert (record.loaded_us, record.duration_us) == (1000, 20)
    assert MemoryStore(tmp_path / "loads.json").memory.loads == {A: record}


def test_a_write_to_another_instance_says_nothing_of_who_loaded_it(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    store.remember_load(A, RECORD)
    store.remember_write(A, 78, (Parameter("new", "1"),), ())
    assert store.memory.loads == {A: LoadRecord(78, (Parameter("new", "1"),), 0, 0)}


def test_what_is_waited_for_is_timed_by_instance(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    first, second = (ObservedModule(A, ModuleState.LOADED, instance=number) for number in (1, 2))
    store.wait_for({A, B}, {A: first}, 10)
    store.wait_for({A, B}, {A: first}, 20)
    assert store.memory.waits == {A: Wait(1, 10), B: Wait(0, 10)}
    store.wait_for({A}, {A: second}, 30)
    assert store.memory.waits == {A: Wait(2, 30)}


def test_successes_are_counted_until_somebody_wants_all_tried_anew(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    for now_us in (1, 2):
        store.succeed(A, ActionKind.WRITE, now_us, 0.5)
    assert store.memory.successes[A, ActionKind.WRITE].times == 2
    store.forget_successes()
    assert not store.memory.successes


def test_loading_what_is_owed_is_no_success_of_its_own(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    store.owe(A)
    store.succeed(A, ActionKind.UNLOAD, 1, 0.5)
    store.succeed(A, ActionKind.LOAD, 2, 0.5)
    assert store.memory.successes.keys() == {(A, ActionKind.UNLOAD)}


@pytest.mark.parametrize(
    ("retries", "modules", "left"),
    [
        (frozenset(Retry), None, set()),
        (frozenset((Retry.EVENT,)), None, {A}),
        (frozenset((Retry.EVENT,)), frozenset((A,)), {A, B}),
        (frozenset(Retry), frozenset((A,)), {B}),
        (frozenset[Retry](), None, {A, B}),
    ],
)
def test_failures_are_forgotten_by_what_they_wait_for(
    tmp_path: Path, retries: frozenset[Retry], modules: frozenset[ModuleName] | None, left: set[ModuleName]
) -> None:
    store = MemoryStore(tmp_path / "loads.json")
    store.end(A, attempt(Retry.CHANGE))
    store.end(B, attempt(Retry.EVENT))
    store.forget_failures(retries, modules)
    assert store.memory.attempts.keys() == left


def test_a_state_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path / "gone" / "loads.json")
    with pytest.raises(FileNotFoundError):
        store.remember_load(A, RECORD)
    assert store.memory.loads == {A: RECORD}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"text"',
        '{"format": 0, "loads": {}}',
        '{"loads": {}}',
        f'{{"format": {FORMAT}}}',
        f'{{"format": {FORMAT}, "loads": []}}',
        f'{{"format": {FORMAT}, "loads": {{"a": 5}}}}',
        f'{{"format": {FORMAT}, "loads": {{"a": [1, 2]}}}}',
        f'{{"format": {FORMAT}, "loads": {{"a": ["x", 1, 2, []]}}}}',
        f'{{"format": {FORMAT}, "loads": {{"a": [1, 2, 3, [5]]}}}}',
        f'{{"format": {FORMAT}, "loads": {{"../a": [1, 2, 3, []]}}}}',
        f'{{"format": {FORMAT}, "loads": {{"a": [1e999, 1, 2, []]}}}}',
        f'{{"format": {FORMAT}, "loads": {{}}, "owed": ["a"]}}',
        f'{{"format": {FORMAT}, "loads": {{}}, "owed": 5, "met": []}}',
        f'{{"format": {FORMAT}, "loads": {{}}, "owed": [5], "met": []}}',
        pytest.param("[" * 100_000, id="nested too deep"),
        "\udcff\udcfe",
    ],
)
def test_a_damaged_file_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "loads.json").write_bytes(os.fsencode(text))
    memory = MemoryStore(tmp_path / "loads.json").memory
    assert (memory.loads, memory.owed, memory.met) == ({}, frozenset(), frozenset())


@pytest.mark.parametrize("field", ["instance", "loaded_us", "duration_us"])
@pytest.mark.parametrize("number", [-1, 1 << 63, "x", None])
def test_a_number_that_nothing_counts_to_is_damage(tmp_path: Path, field: str, number: object) -> None:
    path = tmp_path / "loads.json"
    MemoryStore(path).remember_load(A, RECORD)
    document = json.loads(path.read_text())
    assert MemoryStore(path).memory.loads.keys() == {A}
    document["loads"][A][field] = number
    path.write_text(json.dumps(document))
    assert MemoryStore(path).memory.loads == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_no_content_of_the_file_stops_a_start(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    path = tmp_path_factory.mktemp("store") / "loads.json"
    whole = {"format": FORMAT, "loads": {}, "owed": [], "met": []}
    broken = [{**whole, key: value} for key in whole]
    for document in (value, *broken, {**whole, "loads": {"a": value}}, {**whole, "owed": [value]}):
        path.write_text(json.dumps(document))
        MemoryStore(path)
