"""Nothing happens for a minute: how often kmodd wakes up, beside the watchdog that it has to feed."""

import shutil
import subprocess
import time
from pathlib import Path

from bench.guest import daemon, modules
from bench.guest.memory import with_descendants
from bench.guest.processes import wait_for_end, wakeups
from bench.notifications import Notifications
from bench.series import Comparison, Finding, Series

DECLARED = 200
WATCHDOG = {"WATCHDOG_USEC": "2000000"}
"""It is fed twice as often, so once a second; a unit says 30 s."""

_WINDOW = 10
_RUNTIME = Path("/run/kmodd")
_AT_REST_S = 3.0
_ASLEEP_S = 0.2
"""Who has just sent is asleep again after that."""


def measure(rounds: int) -> Finding:
    """A round is a second. The loader has been at work, because nothing was cached, and ends before that."""
    modules.declare(modules.load(DECLARED)[:DECLARED])
    subprocess.run(("udevadm", "settle"), check=True)
    shutil.rmtree(_RUNTIME, ignore_errors=True)
    window = min(_WINDOW, rounds)
    with Notifications(daemon.NOTIFY) as heard:
        running = daemon.start_heard((daemon.KMODD,), heard, WATCHDOG)
        try:
            time.sleep(_AT_REST_S)
            wait_for_end(pid for pid in with_descendants(running.pid) if pid != running.pid)
            pids = with_descendants(running.pid)
            counts = [_count(heard, pids, window) for _ in range(rounds // window)]
        finally:
            running.stop()
    kmodd = Series("kmodd", "", tuple(map(float, counts)))
    fed = Series("times that the watchdog was fed", "", (float(window),) * len(counts))
    return Finding(
        (Comparison("idle, wake-ups / of the watchdog", kmodd, fed, target=1.0),),
        (f"idle: {len(pids)} processes, windows of {window} s",),
    )


def _count(heard: Notifications, pids: tuple[int, ...], window: int) -> int:
    """Wake-ups while the watchdog is fed ``window`` times."""
    heard.drain()
    before = _at_rest(heard, pids, 1)
    return _at_rest(heard, pids, window) - before


def _at_rest(heard: Notifications, pids: tuple[int, ...], times: int) -> int:
    """Wake-ups so far, read when the watchdog has been fed so many times more."""
    for _ in range(times):
        heard.watchdog()
    time.sleep(_ASLEEP_S)
    return wakeups(pids)
