"""The loop of a kmodd that is flooded: the longest time that it does not get round to its timers."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

from bench.copied import Copy
from bench.flooder import TARGETS
from bench.measurement import seconds_in_turns
from bench.notifications import Notifications
from bench.on_copy import serving
from bench.series import Finding, within
from tests.support.uml.process import REPOSITORY

MOST_S = 0.060
LASTS_S = 3.0
_INTERVAL_S = 0.005
_WATCHDOG = {"WATCHDOG_USEC": f"{2 * _INTERVAL_S * 1e6:.0f}"}


def measure(copy: Copy, rounds: int) -> Finding:
    """The watchdog is fed from the loop itself, here every 5 ms: what is between two feeds tells."""
    with serving(copy, _WATCHDOG) as on_copy:
        parts: dict[str, Callable[[], float]] = {"nobody": partial(worst, on_copy.heard)}
        for member in TARGETS:
            parts[member] = partial(_flooded, on_copy.bus.address, member, on_copy.heard)
        quiet, *flooded = seconds_in_turns(rounds, parts)
    return Finding(
        tuple(within(f"worst stall, flood of {each.label}", each, MOST_S) for each in flooded),
        (f"worst stall: with no flood at all it is {quiet.median * 1000:.1f} ms here",),
    )


def worst(heard: Notifications, lasts_s: float = LASTS_S) -> float:
    """The longest of the times that the loop came too late, in seconds, over ``lasts_s``."""
    heard.drain()  # what lies there is of before
    first_s = heard.watchdog()
    times_s = [first_s]
    while times_s[-1] < first_s + lasts_s:
        times_s.append(heard.watchdog())
    return max(later - earlier for earlier, later in pairwise(times_s)) - _INTERVAL_S


def _flooded(address: str, member: str, heard: Notifications) -> float:
    with _flood(address, member):
        return worst(heard)


@contextmanager
def _flood(address: str, member: str) -> Iterator[None]:
    """A client at it, for the length of a with block."""
    command = (sys.executable, "-m", "bench.flooder", address, member)
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as client:
        try:
            assert client.stdout is not None
            assert client.stdout.readline() == b"flooding\n"
            yield
            assert client.poll() is None
        finally:
            client.kill()
