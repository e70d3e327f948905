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
_SOON_S = 3.0
"""tuned is active before it has applied its profile."""

_LATER_S = 12.0
"""kmodd's loader ends after ten seconds without work; whoever has something to give back has as long."""


def measure(rounds: int) -> Finding:
    """PSS, of one service at a time; kmodd begins without a cache, so its loader has been at work."""
    present = units.afresh(DECLARED)
    parts: dict[str, Callable[[], tuple[float, float]]] = {
        "kmodd": partial(_kmodd, present),
        "firewalld": partial(_soon_and_later, units.FIREWALLD, present),
        "tuned": partial(_soon_and_later, units.TUNED, present),
    }
    measured = in_turns(rounds, parts)
    soon, later = (
        {label: _series(label, values, when) for label, values in measured.items()} for when in (0, 1)
    )
    return Finding(
        (
            *(
                Comparison(f"memory PSS at rest / {peer}", later["kmodd"], later[peer], _MOST[peer])
                for peer in _MOST
            ),
            *(Comparison(f"memory PSS with loader / {peer}", soon["kmodd"], soon[peer]) for peer in _MOST),
        ),
        ("memory PSS: the loader ends after ten seconds without work, unless a module waits for its device",),
    )


def _kmodd(present: Sequence[str]) -> tuple[float, float]:
    units.forget()
    return _soon_and_later(units.KMODD, present, helpers=1)


def _soon_and_later(unit: str, present: Sequence[str], helpers: int = 0) -> tuple[float, float]:
    """PSS when the unit has just taken the events, with its ``helpers``, and when it is at rest."""
    units.start(unit)
    try:
        raise_events(present)
        time.sleep(_SOON_S)
        assert len(units.pids(unit)) > helpers, unit
        soon = _pss_kib(unit)
        time.sleep(_LATER_S)
        if helpers:
            units.wait_for_helpers(unit)
        return soon, _pss_kib(unit)
    finally:
        units.stop(unit)


def _series(label: str, values: Sequence[tuple[float, float]], when: int) -> Series:
    return Series(label, "KiB", tuple(each[when] for each in values))


def _pss_kib(unit: str) -> float:
    return memory_of(units.pids(unit)).pss_kib
