"""The executor on a simulated kernel, on a loop where time passes only when nothing else can happen."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from kmodd.core.memory import Retry
from kmodd.daemon.executor import PROGRESS_S
from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import Parameter
from kmodd.shown import Condition, ModuleState, Outcome, OutcomeRow
from tests.support.clock import settle
from tests.support.execution import LOAD, UNLOAD, A, B, Bench, C, D, load, play, unload
from tests.support.simulated import Fault


def test_needs_go_first_and_independent_loads_overlap(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.gate(A, B, C)
        await bench.replace(load(A), load(B), load(C, strong=(A,), weak=(B,)))
        assert bench.loader.begun() == [A, B]
        await bench.open(B)
        assert bench.loader.begun() == [A, B]
        await bench.open(A)
        assert bench.loader.begun() == [A, B, C]
        assert bench.changes == 0
        await asyncio.sleep(PROGRESS_S)
        assert bench.changes == 1, "what is done is shown, also while others are at work"
        await bench.open(C)
        assert bench.changes == 2, "the last is shown at once"
        await asyncio.sleep(2 * PROGRESS_S)
        assert bench.changes == 2
        assert bench.rows() == [(B, "load", "done"), (A, "load", "done"), (C, "load", "done")]
        assert bench.rows() == []

    play(tmp_path, scenario)


def test_no_more_at_once_than_allowed(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.executor.parallel = 2
        bench.gate(A, B, C, D)
        await bench.replace(load(A), load(B), load(C), load(D))
        assert bench.loader.begun() == [A, B]
        await bench.open(B)
        assert bench.loader.begun() == [A, B, C]
        await bench.open(A)
        assert bench.loader.begun() == [A, B, C, D]

    play(tmp_path, scenario)


def test_a_failed_strong_need_blocks_whatever_hangs_on_it(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.loader.faults[A] = [Fault(error=errno.EINVAL)]
        await bench.replace(load(A), load(B, strong=(A,)), load(C, strong=(B,)), load(D, weak=(C,)))
        assert bench.rows() == [
            (A, "load", "failed"),
            (B, "load", "blocked"),
            (C, "load", "blocked"),
            (D, "load", "done"),
        ]
        assert bench.loader.begun() == [A, D]

    play(tmp_path, scenario)


def test_a_failed_weak_need_is_only_waited_for(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.loader.faults[A] = [Fault(error=errno.ENOMEM)]
        await bench.replace(load(A), load(B, weak=(A,)))
        assert bench.rows() == [(A, "load", "failed"), (B, "load", "done")]

    play(tmp_path, scenario)


@pytest.mark.shows("fault: slow")
def test_what_is_slow_frees_its_place_and_is_reported_and_still_counts_when_it_ends(
    tmp_path: Path,
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.executor.parallel = 1
        bench.gate(A)
        await bench.replace(load(A, timeout_s=5.0), load(B), load(C, strong=(A,)))
        assert bench.loader.begun() == [A]
        assert not bench.idle()
        await asyncio.sleep(5.0)
        await settle()
        assert bench.idle()
        assert bench.loader.begun() == [A, B]
        assert bench.changes == 2  # A became slow; then nothing was left to do
        assert bench.store.memory.in_flight.keys() == {A}
        await bench.open(A)
        assert bench.loader.begun() == [A, B, C]
        assert bench.rows() == [(B, "load", "done"), (A, "load", "done"), (C, "load", "done")]
        assert not bench.store.memory.in_flight

    play(tmp_path, scenario)


def test_a_new_plan_drops_what_has_not_begun_and_keeps_what_runs(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.gate(A)
        await bench.replace(load(A), load(B, strong=(A,)), load(C, strong=(A,)))
        await bench.replace(load(A), load(C, strong=(A,)), load(D))
        assert bench.loader.begun() == [A, D]
        await bench.open(A)
        assert bench.loader.begun() == [A, D, C]
        assert B not in bench.kernel.present()

    play(tmp_path, scenario)


def test_an_empty_plan_starts_nothing_more(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.gate(A)
        await bench.replace(load(A), load(B, strong=(A,)))
        await bench.replace()
        await bench.open(A)
        assert bench.rows() == [(A, "load", "done")]

    play(tmp_path, scenario)


@pytest.mark.shows("fault: EEXIST")
@pytest.mark.parametrize(
    ("fault", "outcome", "condition", "live"),
    [
        (Fault(pretended=True), Outcome.FAILED, Condition.BACKING_OFF, False),
        (Fault(lost=True), Outcome.DONE, None, True),
        (Fault(lost=True, error=errno.EIO), Outcome.FAILED, Condition.BACKING_OFF, False),
        (Fault(stuck=True), Outcome.FAILED, Condition.FAILED, True),
        (Fault(error=errno.ENODEV), Outcome.FAILED, Condition.WAITING_FOR_HARDWARE, False),
    ],
)
def test_what_the_kernel_shows_decides_not_the_report(
    tmp_path: Path,
    fault: Fault,
    outcome: Outcome,
    condition: Condition | None,
    live: bool,
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.loader.faults[A] = [fault]
        await bench.replace(load(A))
        assert bench.executor.take_rows() == (OutcomeRow(A, LOAD, outcome),)
        attempt = bench.store.attempt(A)
        assert (attempt.condition if attempt else None) == condition
        assert (A in bench.kernel.present()) is live

    play(tmp_path, scenario)


@pytest.mark.shows("fault: EEXIST")
def test_somebody_else_was_faster(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.kernel.insert("a")
        await bench.replace(load(A))
        assert bench.rows() == [(A, "load", "unchanged")]
        assert not bench.store.memory.loads

    play(tmp_path, scenario)


def test_a_load_of_ours_is_remembered_with_its_instance_and_parameters(
    tmp_path: Path,
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.replace(load(D, parameters=(Parameter("level", "3"),)))
        record = bench.store.memory.loads[D]
        assert record.instance == bench.kernel.instance(D)
        assert record.parameters == (Parameter("level", "3"),)
        assert record.duration_us == 1000
        assert record.loaded_us > 0

    play(tmp_path, scenario)


def test_without_a_report_it_is_not_said_to_be_ours(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.loader.faults[D] = [Fault(lost=True)]
        await bench.replace(load(D))
        assert bench.rows() == [(D, "load", "done")]
        assert not bench.store.memory.loads

    play(tmp_path, scenario)


def test_a_lost_loader_is_a_failure_that_is_tried_again(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.loader.refusals = [KmoddError(ErrorKind.LOADER_LOST, "the loader has ended")]
        await bench.replace(load(A))
        assert bench.rows() == [(A, "load", "failed")]
        attempt = bench.store.attempt(A)
        assert attempt is not None
        assert attempt.next_retry_us > 0

    play(tmp_path, scenario)


def test_failures_count_up_and_a_success_ends_them(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.loader.faults[A] = [Fault(error=errno.EBUSY), Fault(error=errno.EBUSY), Fault()]
        counts = []
        for _ in range(3):
            await bench.replace(load(A))
            attempt = bench.store.attempt(A)
            counts.append(attempt.failures if attempt else 0)
        assert counts == [1, 2, 0]

    play(tmp_path, scenario)


def test_a_failure_is_reported_while_others_still_load(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.gate(B)
        bench.loader.faults[A] = [Fault(error=errno.EBUSY)]
        await bench.replace(load(A), load(B))
        await asyncio.sleep(PROGRESS_S)
        assert bench.changes == 1
        assert not bench.idle()

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault(), Outcome.DONE),
        (Fault(error=errno.EAGAIN), Outcome.BLOCKED),
        (Fault(error=errno.EBUSY), Outcome.FAILED),
        (Fault(pretended=True), Outcome.FAILED),
        (Fault(stuck=True), Outcome.FAILED),
        (Fault(lost=True), Outcome.DONE),
    ],
)
def test_an_unload_is_read_back_too(tmp_path: Path, fault: Fault, outcome: Outcome) -> None:
    async def scenario(bench: Bench) -> None:
        bench.kernel.insert("a")
        bench.loader.faults[A] = [fault]
        await bench.replace(unload(A))
        assert bench.executor.take_rows() == (OutcomeRow(A, UNLOAD, outcome),)
        assert (A in bench.kernel.present()) is (outcome is not Outcome.DONE)

    play(tmp_path, scenario)


def test_state_directory_gone_costs_only_the_record(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        os.rmdir(tmp_path)
        await bench.replace(load(A))
        assert bench.kernel.modules()[A].state is ModuleState.LOADED
        assert bench.rows() == [(A, "load", "done")]

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("others", "retry"),
    [(("remove", "insert"), Retry.BACKOFF), (("remove",), Retry.BACKOFF), ((), Retry.CHANGE)],
)
def test_a_symbol_that_went_with_its_module_meanwhile_is_no_lasting_failure(
    tmp_path: Path, others: tuple[str, ...], retry: Retry
) -> None:
    async def scenario(bench: Bench) -> None:
        bench.kernel.insert("b")
        bench.gate(A)
        bench.loader.faults[A] = [Fault(error=errno.ENOENT)]
        await bench.replace(load(A)._replace(needs=(B,)))
        for act in others:
            getattr(bench.kernel, act)("b")
        await bench.open(A)
        attempt = bench.store.attempt(A)
        assert attempt is not None
        assert attempt.retry is retry

    play(tmp_path, scenario)


def test_a_need_that_is_on_its_way_out_has_moved_though_its_directory_stands(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        bench.kernel.insert("b")
        bench.kernel.set_state("b", ModuleState.UNLOADING)
        bench.loader.faults[A] = [Fault(error=errno.ENOENT)]
        await bench.replace(load(A)._replace(needs=(B,)))
        attempt = bench.store.attempt(A)
        assert attempt is not None
        assert attempt.retry is Retry.BACKOFF

    play(tmp_path, scenario)
