"""Ten thousand uevents: what kmodd spends on them, beside udevd; and in how many passes."""

import subprocess
import time
from pathlib import Path

from bench.guest import daemon, modules
from bench.guest.bus import client
from bench.guest.memory import with_descendants
from bench.guest.processes import named, processor_s
from bench.series import Comparison, Finding, Series, within
from kmodd.events.inotify import Inotify, Mask

EVENTS = 10_000
MOST_PASSES = 20
DECLARED = 200
_SEQUENCE = Path("/sys/kernel/uevent_seqnum")
_OPEN, _CLOSE = 0x20, 0x10
"""IN_OPEN and IN_CLOSE_NOWRITE (inotify(7)): a pass opens /proc/modules, and nobody else does meanwhile.
Both, because of events that are alike and follow each other the kernel keeps one."""

_WHEN = 'when.device = { modalias = "bench:*" }\n'
"""Of no subsystem, so that every event of every device has to be looked at."""

_AT_REST_S = 2.0


def measure(rounds: int) -> Finding:
    """``udevadm trigger`` for all devices, again and again; every round has its own storm."""
    present = modules.load(DECLARED)[:DECLARED]
    modules.declare(present)
    modules.declare(("nls_cp737",), file="60-device.toml", more=_WHEN)
    udevd = named("systemd-udevd")
    running = daemon.start()
    try:
        storms = [_Storm(running.pid, udevd) for _ in range(rounds)]  # long, so without a warm-up
    finally:
        running.stop()
    log = daemon.LOG.read_text(errors="replace")
    assert "events were lost" not in log, log
    kmodd = Series("kmodd", "s", tuple(each.kmodd_s for each in storms))
    peer = Series("udevd and its workers", "s", tuple(each.udevd_s for each in storms))
    passes = Series("kmodd", "", tuple(float(each.passes) for each in storms))
    return Finding(
        (
            Comparison("10,000 uevents, processor / udevd", kmodd, peer, target=0.1),
            within("10,000 uevents, passes", passes, MOST_PASSES),
        ),
        (f"10,000 uevents: took {storms[-1].seconds:.0f} s the last time; none was lost",),
    )


class _Storm:
    """What one storm came to."""

    def __init__(self, kmodd: int, udevd: int) -> None:
        inotify = Inotify()
        inotify.add("/proc/modules", _OPEN | _CLOSE)
        before_s = _used(kmodd), _used(udevd)
        began_s = time.monotonic()
        _raise_storm()
        self.seconds = time.monotonic() - began_s
        time.sleep(_AT_REST_S)
        self.kmodd_s, self.udevd_s = _used(kmodd) - before_s[0], _used(udevd) - before_s[1]
        with client() as bus:  # the last pass, which is counted too
            bus.call("Reconcile")
        self.passes = _drained(inotify)
        inotify.close()


def _used(pid: int) -> float:
    return processor_s(with_descendants(pid))


def _raise_storm() -> None:
    end = int(_SEQUENCE.read_text()) + EVENTS
    while int(_SEQUENCE.read_text()) < end:
        subprocess.run(("udevadm", "trigger", "--type=devices", "--settle"), check=True)


def _drained(inotify: Inotify) -> int:
    count = 0
    while events := inotify.read():
        assert not any(event.mask & Mask.Q_OVERFLOW for event in events)
        count += sum(event.mask == _OPEN for event in events)
    return count
