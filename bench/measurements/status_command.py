"""``kmoddctl status`` from exec to exit, beside systemctl, busctl and an interpreter that does nothing."""

import resource
import subprocess
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from bench.guest import daemon, units
from bench.measurement import in_turns
from bench.series import Comparison, Finding, Series
from kmodd.bus.names import MANAGER_INTERFACE, MANAGER_PATH, SERVICE

DECLARED = 200
_SYSTEMCTL = "systemctl status kmodd"
_COMMANDS = {
    "kmoddctl status": ("kmoddctl", "status"),
    _SYSTEMCTL: ("systemctl", "--no-pager", "status", units.KMODD),
    "busctl get-property": ("busctl", "get-property", SERVICE, MANAGER_PATH, MANAGER_INTERFACE, "State"),
    "python3 -c pass": ("/usr/bin/python3", "-c", "pass"),
}
_MOST = {_SYSTEMCTL: 2.0}


class Spent(NamedTuple):
    """By one command: from exec to exit, and of processor itself (getrusage(2))."""

    wall_s: float
    processor_s: float


def measure(rounds: int) -> Finding:
    """All on a daemon that has 200 modules, both sides about the same unit."""
    units.afresh(DECLARED)
    units.start(units.KMODD)
    parts = {label: partial(spent, command) for label, command in _COMMANDS.items()}
    found = in_turns(rounds, parts)
    units.stop(units.KMODD)
    subject, *peers = (Series(label, "s", tuple(one.wall_s for one in each)) for label, each in found.items())
    used, beside = (
        Series(label, "s", tuple(one.processor_s for one in found[label]))
        for label in ("kmoddctl status", _SYSTEMCTL)
    )
    return Finding(
        (
            *(
                Comparison(f"kmoddctl status / {peer.label}", subject, peer, _MOST.get(peer.label))
                for peer in peers
            ),
            Comparison(f"kmoddctl status, processor / {_SYSTEMCTL}", used, beside, _MOST[_SYSTEMCTL]),
        )
    )


def spent(command: Sequence[str]) -> Spent:
    """Run it to its end; CalledProcessError if it fails."""
    before_s, began_s = _processor_s(), time.perf_counter()
    subprocess.run(command, env=dict(daemon.ENVIRONMENT), stdout=subprocess.DEVNULL, check=True)
    return Spent(time.perf_counter() - began_s, _processor_s() - before_s)


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
