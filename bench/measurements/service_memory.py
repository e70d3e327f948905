"""Memory of all processes of a service after 1,000 uevents: kmodd beside firewalld and tuned, in turns."""

import time
from collections.abc import Sequence
from functools import partial

from bench.guest import units
from bench.guest.memory import memory_of
from bench.guest.uevents import raise_events
from bench.measurement import in_turns
from bench.series import Comparison, Finding, Series

DECLARED = 200
_MOST = {units.FIREWALLD: 0.5, units.TUNED: 0.8}
_AT_REST_S = 3.0
"""tuned is active before it has applied its profile."""


def measure(rounds: int) -> Finding:
    """PSS, of one service at a time. Nothing is cached when kmodd starts, as in memory.py."""
    present = units.afresh(DECLARED)
    found = in_turns(rounds, {unit: partial(_pss_kib, unit, present) for unit in units.ALL})
    kmodd = Series("kmodd", "KiB", found[units.KMODD])
    return Finding(
        tuple(
            Comparison(
                f"memory PSS / {unit.removesuffix('.service')}", kmodd, Series(unit, "KiB", found[unit]), most
            )
            for unit, most in _MOST.items()
        )
    )


def _pss_kib(unit: str, present: Sequence[str]) -> float:
    units.forget()
    units.start(unit)
    try:
        raise_events(present)
        time.sleep(_AT_REST_S)
        return memory_of(units.pids(unit)).pss_kib
    finally:
        units.stop(unit)
