"""Results of the bench as JSON, and the baseline that they are compared with."""

import json
from pathlib import Path

import pytest

from bench import baseline
from bench.baseline import Baseline
from bench.documents import Run, finding_from_json, finding_to_json, run_from_json, run_to_json
from bench.series import Comparison, Finding, Series

MACHINE = {"cores": "2", "kernel": "6.1"}


def compared(name: str, ratio: float) -> Comparison:
    return Comparison(name, Series("it", "s", (ratio, ratio)), Series("other", "s", (1.0, 1.0)), 2.0)


def run(**ratios: float) -> Run:
    return Run(MACHINE, tuple(compared(name, ratio) for name, ratio in ratios.items()), ("a note",))


def test_a_finding_survives_the_way_out_of_the_guest() -> None:
    finding = Finding((compared("a", 1.5), compared("b", 0.25)), ("one", "two"))
    text = finding_to_json(finding)
    assert "\n" not in text
    assert finding_from_json(text) == finding


def test_a_run_survives_its_file() -> None:
    assert run_from_json(run_to_json(run(a=1.5))) == run(a=1.5)


def test_a_file_has_what_the_values_come_to() -> None:
    (row,) = json.loads(run_to_json(run(a=1.5)))["comparisons"]
    assert (row["ratio"], row["ratio_spread"], row["medians"]) == (1.5, [1.5, 1.5], [1.5, 1.0])


def test_a_file_of_another_format_is_refused() -> None:
    document = {**json.loads(run_to_json(run(a=1.5))), "format": 99}
    with pytest.raises(ValueError, match="99"):
        run_from_json(json.dumps(document))


@pytest.mark.parametrize(
    ("ratio", "sentences"),
    [
        (1.0, ()),
        (1.19, ()),
        (0.81, ()),
        (1.3, ("a: 1.3, was 1: 30% worse",)),
        (0.5, ("a: 0.5, was 1: 50% better",)),
    ],
)
def test_what_moved_by_more_than_a_fifth_is_said(ratio: float, sentences: tuple[str, ...]) -> None:
    assert baseline.moved(Baseline(MACHINE, {"a": 1.0}, {"a": 1.0}), run(a=ratio)) == sentences


@pytest.mark.parametrize(
    ("values", "said"),
    [((1.0, 2.0, 2.0), False), ((1.5, 2.0, 2.0), True), ((0.5, 1.0, 1.0), False), ((0.5, 0.6, 1.0), True)],
)
def test_medians_alone_may_have_been_moved_by_others(values: tuple[float, ...], said: bool) -> None:
    peer = Series("other", "s", (1.0,) * len(values))
    measured = Run(MACHINE, (Comparison("a", Series("it", "s", values), peer),))
    assert bool(baseline.moved(Baseline(MACHINE, {"a": 1.0}, {"a": 1.0}), measured)) is said


def test_what_the_baseline_does_not_know_is_said() -> None:
    assert baseline.moved(Baseline(MACHINE, {"gone": 1.0}, {"gone": 1.0}), run(a=2.0)) == (
        "a: 2, not in the baseline",
    )


def test_there_may_be_no_baseline(tmp_path: Path) -> None:
    assert baseline.read(tmp_path / "baseline.json") is None


def test_accepting_a_part_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    baseline.write(baseline.baseline_of(run(b=2.0, a=1.0)), path)
    baseline.write(baseline.baseline_of(run(b=3.0)), path)
    assert baseline.read(path) == Baseline(MACHINE, {"a": 1.0, "b": 3.0}, {"a": 1.0, "b": 3.0})


def test_accepting_a_whole_run_forgets_what_is_not_measured_any_more(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    baseline.write(baseline.baseline_of(run(b=2.0)), path)
    baseline.write(baseline.baseline_of(run(a=3.0)), path, keep=False)
    assert baseline.read(path) == Baseline(MACHINE, {"a": 3.0}, {"a": 3.0})


def test_a_baseline_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text('{"format": 99}')
    with pytest.raises(ValueError, match=r"baseline\.json: format 99"):
        baseline.read(path)


def test_the_committed_baseline_can_be_read_and_names_no_machine() -> None:
    committed = baseline.read()
    assert committed is not None
    assert all(ratio > 0 for ratio in committed.ratios.values())
    assert committed.ratios.keys() == committed.least_ratios.keys()
