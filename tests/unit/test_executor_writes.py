"""The executor: parameters that are written, and modules that are taken out to be loaded again."""

import errno
import os
from pathlib import Path

import pytest

from kmodd.action import ActionKind
from kmodd.core.draft import Step
from kmodd.core.memory import LoadRecord, Retry
from kmodd.daemon.store import MemoryStore
from kmodd.intent import Note
from kmodd.model import Parameter, Report, Request, WriteRequest
from kmodd.names import ModuleName
from kmodd.shown import Outcome
from tests.support.execution import A, B, Bench, D, load, play, unload
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated import Fault
from tests.support.simulated_kernel import module

CARD = ModuleName("card")
WRITE = ActionKind.WRITE


def write(name: ModuleName, **values: str) -> Step:
    parameters = tuple(Parameter(*item) for item in values.items())
    return Step(name, WRITE, WriteRequest(name, parameters), "test", parameters=parameters)


def furnish(bench: Bench) -> None:
    """A module that has parameters, in the kernel."""
    level, hidden = KernelParameter(clamp=(0, 5)), KernelParameter(mode=0o200)
    bench.kernel.tree[CARD] = module("card", level=level, other=KernelParameter(), hidden=hidden)
    bench.kernel.insert("card")


def test_a_write_is_read_back_and_remembered(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        furnish(bench)
        await bench.replace(write(CARD, level="9", hidden="3"))
        assert bench.rows() == [(CARD, "write", "done")]
        record = bench.store.memory.loads[CARD]
        assert record.instance == bench.kernel.instance(CARD)
        assert record.parameters == (Parameter("level", "9"), Parameter("hidden", "3"))
        assert record.shown == (Parameter("level", "5"),), "what the module made of it"
        assert record.loaded_us == 0, "others have loaded it"
        assert bench.store.memory.successes.keys() == {(CARD, WRITE)}
        assert bench.kernel.value("card", "hidden") == "3"

    play(tmp_path, scenario)


def test_of_several_values_one_that_is_refused_stands(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        furnish(bench)
        await bench.replace(write(CARD, level="many", other="2"))
        assert bench.rows() == [(CARD, "write", "failed")]
        attempt = bench.store.attempt(CARD)
        assert attempt is not None
        assert (attempt.kind, attempt.error, attempt.retry) == (WRITE, errno.EINVAL, Retry.CHANGE)
        assert bench.kernel.value("card", "other") == "2"
        assert not bench.store.memory.successes

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("fault", "outcome", "retry"),
    [
        (Fault(lost=True), Outcome.FAILED, Retry.BACKOFF),
        (Fault(error=errno.EBUSY), Outcome.FAILED, Retry.BACKOFF),
        (Fault(error=errno.EIO), Outcome.FAILED, Retry.CHANGE),
    ],
)
def test_a_failed_write(tmp_path: Path, fault: Fault, outcome: Outcome, retry: Retry) -> None:
    async def scenario(bench: Bench) -> None:
        furnish(bench)
        bench.loader.faults[CARD] = [fault]
        await bench.replace(write(CARD, other="2"))
        assert bench.rows() == [(CARD, "write", str(outcome))]
        attempt = bench.store.attempt(CARD)
        assert attempt is not None
        assert attempt.retry is retry
        assert (attempt.next_retry_us > 0) is (retry is Retry.BACKOFF)

    play(tmp_path, scenario)


def test_a_module_that_goes_meanwhile_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        furnish(bench)
        bench.gate(CARD)
        await bench.replace(write(CARD, other="2"))
        bench.kernel.remove("card")
        await bench.open(CARD)
        assert bench.rows() == [(CARD, "write", "failed")]
        assert bench.store.attempt(CARD) is None
        assert not bench.store.memory.loads

    play(tmp_path, scenario)


def test_a_write_after_a_load_of_ours_keeps_what_is_known_of_the_load(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        furnish(bench)
        bench.kernel.remove("card")
        await bench.replace(load(CARD, parameters=(Parameter("level", "1"),)))
        loaded_us = bench.store.memory.loads[CARD].loaded_us
        await bench.replace(write(CARD, other="2"))
        record = bench.store.memory.loads[CARD]
        assert record.parameters == (Parameter("level", "1"), Parameter("other", "2"))
        assert record.loaded_us == loaded_us > 0
        assert MemoryStore(tmp_path / "loads.json").memory.loads[CARD] == record._replace(messages=())

    play(tmp_path, scenario)


def test_what_cannot_be_kept_of_a_write_is_known_until_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(bench: Bench) -> None:
        furnish(bench)
        os.rmdir(tmp_path)
        bench.loader.unwritable = errno.EROFS
        await bench.replace(write(CARD, other="2"))
        assert bench.rows() == [(CARD, "write", "done")]
        assert bench.store.memory.loads[CARD] == LoadRecord(
            bench.kernel.instance(CARD), (Parameter("other", "2"),), 0, 0, shown=(Parameter("other", "2"),)
        )

    play(tmp_path, scenario)
    assert "cannot keep what kmodd did with card" in caplog.text


# ---------------------------------------------------------------------- out, to be loaded again


def owed(name: ModuleName) -> Step:
    return unload(name)._replace(owed=True)


def test_what_is_taken_out_to_come_back_is_on_the_disk_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.kernel.insert("a")
        kept: list[frozenset[ModuleName]] = []
        perform = bench.loader.perform

        async def watched(request: Request, note: Note | None = None) -> Report:
            kept.append(MemoryStore(tmp_path / "loads.json").memory.owed)
            return await perform(request, note)

        monkeypatch.setattr(bench.loader, "perform", watched)
        await bench.replace(owed(A), unload(B))
        assert kept[0] == {A}
        assert bench.store.memory.owed == {A}, "others are to stay out"

    play(tmp_path, scenario)


def test_what_cannot_be_written_down_is_not_taken_out(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.kernel.insert("a")
        os.rmdir(tmp_path)
        await bench.replace(owed(A))
        assert bench.rows() == [(A, "unload", "failed")]
        assert not bench.loader.begun()
        assert A in bench.kernel.present()
        attempt = bench.store.attempt(A)
        assert attempt is not None
        assert "ENOENT" in attempt.message

    play(tmp_path, scenario)


def test_a_reload_goes_holders_first_and_a_holder_that_stays_stops_it(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        for name in "ab":
            bench.kernel.insert(name)
        bench.loader.faults[B] = [Fault(error=errno.EAGAIN)]
        await bench.replace(owed(B), owed(A)._replace(strong=(B,)))
        assert bench.rows() == [(B, "unload", "blocked"), (A, "unload", "blocked")]
        assert bench.store.memory.owed == {B}, "what was not begun is not owed"
        bench.store.look(bench.kernel.modules(), ())
        assert bench.store.memory.owed == frozenset()

    play(tmp_path, scenario)


def test_the_load_that_follows_does_not_count_as_one_that_others_undo(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.kernel.insert("d")
        for _ in range(3):
            await bench.replace(owed(D))
            await bench.replace(load(D))
        successes = bench.store.memory.successes
        assert {key: success.times for key, success in successes.items()} == {(D, ActionKind.UNLOAD): 3}

    play(tmp_path, scenario)


@pytest.mark.shows("P8")
def test_killed_between_unload_and_load(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.kernel.insert("a")
        bench.gate(A)
        await bench.replace(owed(A))
        assert MemoryStore(tmp_path / "loads.json").memory.owed == {A}, "at any moment from then on"
        await bench.open(A)
        assert A not in bench.kernel.present()
        assert MemoryStore(tmp_path / "loads.json").memory.owed == {A}

    play(tmp_path, scenario)
