"""Memory of all processes of a service after 1,000 uevents: kmodd beside firewalld and tuned, in turns."""

import time
from collections.abc import Callable, Sequence
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
    """PSS, of one service at a time; kmodd without a cache, as in memory.py, and with what a boot leaves."""
    present = units.afresh(DECLARED)
    parts: dict[str, Callable[[], float]] = {
        "kmodd with its loader": partial(_without_cache, present),
        "kmodd with nothing to load": partial(_pss_kib, units.KMODD, present),
        "firewalld": partial(_pss_kib, units.FIREWALLD, present),
        "tuned": partial(_pss_kib, units.TUNED, present),
    }
    measured = in_turns(rounds, parts).items()
    loader, cached, *peers = (Series(label, "KiB", values) for label, values in measured)
    return Finding(
        tuple(
            Comparison(f"{what} / {peer.label}", subject, peer, _MOST[peer.label])
            for what, subject in (("memory PSS", loader), ("memory PSS, no load", cached))
            for peer in peers
        ),
        (
            "memory PSS: the loader is there from the first load on, so not where kmodd-load.service has left"
            " nothing to load",
        ),
    )


def _without_cache(present: Sequence[str]) -> float:
    units.forget()
    return _pss_kib(units.KMODD, present)


def _pss_kib(unit: str, present: Sequence[str]) -> float:
    units.start(unit)
    try:
        raise_events(present)
        time.sleep(_AT_REST_S)
        return memory_of(units.pids(unit)).pss_kib
    finally:
        units.stop(unit)
