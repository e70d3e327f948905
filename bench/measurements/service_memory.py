"""Memory of all processes of a service after 1,000 uevents: kmodd beside firewalld and tuned, in turns."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bench.guest import units
from bench.guest.memory import memory_of
from bench.guest.uevents import raise_events
from bench.measurement import in_turns
from bench.series import Comparison, Finding, Series

DECLARED = 200
_MOST = {"firewalld": 0.5, "tuned": 0.8}
_AT_REST_S = 3.0
"""tuned is active before it has applied its profile."""


def measure(rounds: int) -> Finding:
    """PSS, of one service at a time; kmodd begins without a cache, so its loader has been at work."""
    present = units.afresh(DECLARED)
    parts: dict[str, Callable[[], tuple[float, ...]]] = {
        "kmodd": partial(_kmodd, present),
        "firewalld": partial(_peer, units.FIREWALLD, present),
        "tuned": partial(_peer, units.TUNED, present),
    }
    measured = in_turns(rounds, parts)
    at_rest, at_work = (
        Series(label, "KiB", values)
        for label, values in zip(
            ("kmodd", "kmodd and its loader"), zip(*measured["kmodd"], strict=True), strict=True
        )
    )
    peers = [Series(label, "KiB", tuple(value for (value,) in measured[label])) for label in _MOST]
    return Finding(
        (
            *(Comparison(f"memory PSS / {peer.label}", at_rest, peer, _MOST[peer.label]) for peer in peers),
            *(Comparison(f"memory PSS, with the loader / {peer.label}", at_work, peer) for peer in peers),
        ),
        ("memory PSS: at rest; the loader ends when it has had nothing to do for ten seconds",),
    )


def _kmodd(present: Sequence[str]) -> tuple[float, float]:
    """At rest, and while the loader is still there."""
    units.forget()
    with _started(units.KMODD, present):
        at_work = _pss_kib(units.KMODD)
        units.wait_for_helpers(units.KMODD)
        return _pss_kib(units.KMODD), at_work


def _peer(unit: str, present: Sequence[str]) -> tuple[float]:
    with _started(unit, present):
        return (_pss_kib(unit),)


@contextmanager
def _started(unit: str, present: Sequence[str]) -> Iterator[None]:
    """The unit, when it has taken the events of these modules."""
    units.start(unit)
    try:
        raise_events(present)
        time.sleep(_AT_REST_S)
        yield
    finally:
        units.stop(unit)


def _pss_kib(unit: str) -> float:
    return memory_of(units.pids(unit)).pss_kib
