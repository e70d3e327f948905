"""What a measurement is, and the turns that its parts take."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bench.series import Finding, Series

if TYPE_CHECKING:
    from bench.copied import Copy  # stands on the tests' machines, which a guest has no part of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class InGuest:
    """Runs inside of a plain guest of its own; ``measure`` takes the number of rounds."""

    measure: Callable[[int], Finding]
    memory_mib: int = 512


@dataclass(frozen=True, slots=True)
class InDebian:
    """The same inside of a whole Debian with systemd, where kmodd and its peers are installed.

    All of these share one machine, so each begins with what ``bench.guest.units.afresh`` leaves.
    """

    measure: Callable[[int], Finding]


@dataclass(frozen=True, slots=True)
class InVirtualMachine:
    """The same on emulated hardware with two processors, all by itself."""

    measure: Callable[[int], Finding]


@dataclass(frozen=True, slots=True)
class OnCopy:
    """Runs on the machine itself, on a copy of what a guest shows."""

    measure: "Callable[[Copy, int], Finding]"


@dataclass(frozen=True, slots=True)
class OnHost:
    """Runs on the machine itself and asks no kernel for modules."""

    measure: Callable[[int], Finding]


Place = InGuest | InDebian | InVirtualMachine | OnCopy | OnHost


@dataclass(frozen=True, slots=True)
class Measurement:
    """A row of the registry; ``place`` is where it runs, and what is run there."""

    name: str
    what: str
    rounds: int
    place: Place


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
