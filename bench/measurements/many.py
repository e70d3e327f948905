"""Many modules at once, with all that they need; beside what else loads modules, and their init alone."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.guest import daemon, modules
from bench.guest.bus import Client, client
from bench.guest.insertion import SPARING_POLL_S, Insertion, insertable
from bench.measurement import seconds_in_turns, timed
from bench.series import Comparison, Finding

COUNT = 50
_PAUSED = Path("/run/kmodd/paused")
_MODULES_LOAD = Path("/run/bench-modules-load.conf")
_QUIET_S = 0.6
"""As in bench/guest/in_process.py."""


def measure(rounds: int) -> Finding:
    """In a guest with one processor, where nothing is gained by loading several at once."""
    return compared(rounds, "50 modules")


def compared(rounds: int, what: str) -> Finding:
    """A daemon that is told to go on, and ``kmodd --once`` from exec to exit, as a boot has it."""
    insertion = insertable(COUNT)
    modules.declare(insertion.names)
    _MODULES_LOAD.write_text("\n".join(insertion.names))
    parts = {
        "kmodd at work": lambda: _resumed(insertion),
        "kmodd --once": _once,
        "modprobe --all": timed(lambda: _run(("modprobe", "--all", *insertion.names))),
        "systemd-modules-load": timed(
            lambda: _run(("/lib/systemd/systemd-modules-load", str(_MODULES_LOAD)))
        ),
        "their init, on all cores": lambda: insertion.by_hand() / (os.cpu_count() or 1),
    }
    each = {label: insertion.from_nothing(part) for label, part in parts.items()}
    at_work, once, modprobe, modules_load, bound = seconds_in_turns(rounds, each)
    return Finding(
        (
            Comparison(f"{what} / modprobe --all", at_work, modprobe, target=0.6),
            Comparison(f"{what} / their init", at_work, bound, target=1.15),
            Comparison(f"{what}, --once / systemd-modules-load", once, modules_load),
        ),
        (
            f"{what}: {insertion.count} with all that they need; processors: {os.cpu_count()};"
            f" kmodd's time has about {SPARING_POLL_S * 500:.0f} ms in it until that is seen",
        ),
    )


def _resumed(insertion: Insertion) -> float:
    """Seconds from Resume() until all are live; the daemon is there and has seen that they are not."""
    _PAUSED.parent.mkdir(mode=0o755, exist_ok=True)
    _PAUSED.touch()
    running = daemon.start()
    try:
        with client() as bus:
            bus.call("Reconcile")  # what was undone before is not held against it
            time.sleep(_QUIET_S)
            return timed(lambda: _resume(bus, insertion))()
    finally:
        running.stop()


def _resume(bus: Client, insertion: Insertion) -> None:
    bus.call("Resume")
    insertion.wait(SPARING_POLL_S)


def _once() -> float:
    _PAUSED.unlink(missing_ok=True)
    return timed(lambda: _run((daemon.KMODD, "--once")))()


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, env=dict(daemon.ENVIRONMENT), check=True, stderr=subprocess.DEVNULL)
