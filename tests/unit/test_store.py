"""What is remembered in one life of the daemon, and what beyond it."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.core.diagnose import Retry
from kmodd.core.memory import Attempt, Flight, LoadRecord
from kmodd.daemon.store import FORMAT, MemoryStore
from kmodd.model import Parameter
from kmodd.names import ModuleName
from kmodd.shown import ActionKind, Condition

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
        pytest.param("[" * 100_000, id="nested too deep"),
        "\udcff\udcfe",
    ],
)
def test_a_damaged_file_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "loads.json").write_bytes(os.fsencode(text))
    assert not MemoryStore(tmp_path / "loads.json").memory.loads


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
    for document in (value, {"format": FORMAT, "loads": value}, {"format": FORMAT, "loads": {"a": value}}):
        path.write_text(json.dumps(document))
        MemoryStore(path)
