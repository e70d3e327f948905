"""What a measurement is, and the turns that its parts take."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from bench.copied import Copy
from bench.series import Finding, Series

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Measurement:
    """A row of the registry. ``measure`` runs inside the guest and takes the number of rounds."""

    name: str
    what: str
    rounds: int
    measure: Callable[[int], Finding]
    memory_mib: int = 512


@dataclass(frozen=True, slots=True)
class CopyMeasurement:
    """As Measurement, but it runs on the machine itself, on a copy of what a guest shows."""

    name: str
    what: str
    rounds: int
    measure: Callable[[Copy, int], Finding]


@dataclass(frozen=True, slots=True)
class HostMeasurement:
    """As Measurement, but it runs on the machine itself and asks no kernel for modules."""

    name: str
    what: str
    rounds: int
    measure: Callable[[int], Finding]


AnyMeasurement = Measurement | CopyMeasurement | HostMeasurement


def in_turns(rounds: int, parts: Mapping[str, Callable[[], T]]) -> Mapping[str, tuple[T, ...]]:
    """Results by label: every part once unrecorded, to warm up, then all in turns (A B A B ...)."""
    results: dict[str, list[T]] = {label: [] for label in parts}
    for part in parts.values():
        part()
    for _ in range(rounds):
        for label, part in parts.items():
            results[label].append(part())
    return {label: tuple(values) for label, values in results.items()}


def seconds_in_turns(rounds: int, parts: Mapping[str, Callable[[], float]]) -> tuple[Series, ...]:
    """As ``in_turns``, for parts that return seconds."""
    return tuple(Series(label, "s", values) for label, values in in_turns(rounds, parts).items())


def timed(action: Callable[[], object]) -> Callable[[], float]:
    """``action`` as a part: the seconds that it takes."""

    def measured() -> float:
        began_s = time.perf_counter()
        action()
        return time.perf_counter() - began_s

    return measured
