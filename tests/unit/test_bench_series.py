"""Medians, spreads and ratios of bench/series.py, and the turns that parts take."""

import pytest

from bench.measurement import in_turns, seconds_in_turns, timed
from bench.series import Comparison, Series


def compared(subject: list[float], peer: list[float], target: float | None = None) -> Comparison:
    return Comparison(
        "it / other", Series("it", "s", tuple(subject)), Series("other", "s", tuple(peer)), target
    )


@pytest.mark.parametrize(
    ("values", "median", "spread"),
    [
        ([3.0], 3.0, (3.0, 3.0)),
        ([9.0, 1.0, 2.0], 2.0, (1.0, 9.0)),
        ([4.0, 1.0, 2.0, 100.0], 3.0, (1.0, 100.0)),
    ],
)
def test_one_slow_value_moves_the_spread_and_not_the_median(
    values: list[float], median: float, spread: tuple[float, float]
) -> None:
    series = Series("it", "s", tuple(values))
    assert (series.median, series.spread) == (median, spread)


def test_ratio_is_of_medians_and_its_spread_of_rounds() -> None:
    each = compared([1.0, 2.0, 9.0], [1.0, 4.0, 6.0])
    assert each.ratio == 0.5
    assert each.ratio_spread == (0.5, 1.5)
    assert each.least_ratio == 1.0
    assert each.runs == 3


def test_rounds_without_a_partner_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        _ = compared([1.0, 2.0], [1.0]).ratio_spread


@pytest.mark.parametrize(("target", "met"), [(None, True), (2.0, True), (1.5, True), (1.4, False)])
def test_a_target_is_the_most_that_is_allowed(target: float | None, met: bool) -> None:
    assert compared([3.0], [2.0], target).meets_target is met


def test_parts_take_turns_after_a_warm_up() -> None:
    order: list[str] = []

    def part(name: str) -> str:
        order.append(name)
        return f"{name}{len(order)}"

    results = in_turns(2, {"a": lambda: part("a"), "b": lambda: part("b")})
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert results == {"a": ("a3", "a5"), "b": ("b4", "b6")}


def test_seconds_become_series_in_the_order_of_the_parts() -> None:
    assert seconds_in_turns(2, {"a": lambda: 1.0, "b": lambda: 2.0}) == (
        Series("a", "s", (1.0, 1.0)),
        Series("b", "s", (2.0, 2.0)),
    )


def test_a_timed_action_is_carried_out_once_a_call() -> None:
    done: list[int] = []
    part = timed(lambda: done.append(1))
    assert part() >= 0
    assert part() >= 0
    assert len(done) == 2
