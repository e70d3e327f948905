"""Many modules at once, with all that they need; beside what else loads modules, and what nobody spares."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.guest import daemon, modules
from bench.guest.bus import Client, client
from bench.guest.insertion import SPARING_POLL_S, Insertion, insertable
from bench.guest.memory import with_descendants
from bench.guest.processes import named, processor_s
from bench.measurement import seconds_in_turns, timed
from bench.series import Comparison, Finding, Series

COUNT = 50
_PAUSED = Path("/run/kmodd/paused")
_MODULES_LOAD = Path("/run/bench-modules-load.conf")
_QUIET_S = 0.6
"""As in bench/guest/in_process.py."""


def measure(rounds: int) -> Finding:
    """In a guest with one processor, where nothing is gained by loading several at once."""
    return compared(rounds, "50 modules", insertable(COUNT))


def compared(rounds: int, what: str, insertion: Insertion) -> Finding:
    """Beside the peers, and beside the part that every loader has: init, and udevd's work for the events."""
    cores = os.cpu_count() or 1
    floors = {
        "their init, on all cores": lambda: insertion.by_hand() / cores,
        "init and udevd, on all cores": lambda: _inevitable_s(insertion) / cores,
    }
    *loaded, init, both = _loaded_in_turns(rounds, insertion, floors)
    at_work, _, modprobe, _ = loaded
    return Finding(
        (
            *_beside_peers(what, *loaded),
            Comparison(f"{what} / their init", at_work, init, target=1.15),
            Comparison(f"{what} / init and udevd", at_work, both),
            Comparison(f"{what}, modprobe --all / init and udevd", modprobe, both),
        ),
        (_about(what, insertion),),
    )


def _beside_peers(
    what: str, at_work: Series, once: Series, modprobe: Series, modules_load: Series
) -> tuple[Comparison, ...]:
    """kmodd's two beside the peer of each."""
    return (
        Comparison(f"{what} / modprobe --all", at_work, modprobe, target=0.6),
        Comparison(f"{what}, --once / systemd-modules-load", once, modules_load),
    )


def _about(what: str, insertion: Insertion) -> str:
    """What was loaded, as a sentence."""
    return (
        f"{what}: {insertion.count} with all that they need; processors: {os.cpu_count()};"
        f" kmodd's time has about {SPARING_POLL_S * 500:.0f} ms in it until that is seen"
    )


def _loaded_in_turns(
    rounds: int, insertion: Insertion, others: Mapping[str, Callable[[], float]]
) -> tuple[Series, ...]:
    """The same modules, each time from nothing: by a daemon that is told to go on, by ``kmodd --once`` from
    exec to exit, as a boot has it, by the two peers, then by ``others``.
    """
    modules.declare(insertion.names)
    _MODULES_LOAD.write_text("\n".join(insertion.names))
    parts = {
        "kmodd at work": lambda: _resumed(insertion),
        "kmodd --once": _once,
        "modprobe --all": timed(lambda: _run(("modprobe", "--all", *insertion.names))),
        "systemd-modules-load": timed(
            lambda: _run(("/lib/systemd/systemd-modules-load", str(_MODULES_LOAD)))
        ),
        **others,
    }
    each = {label: insertion.from_nothing(part) for label, part in parts.items()}
    return seconds_in_turns(rounds, each)


def _inevitable_s(insertion: Insertion) -> float:
    """Seconds inside of init, and of processor that udevd takes for the events of these modules."""
    udevd = named("systemd-udevd")
    _run(("udevadm", "settle"))
    before_s = processor_s(with_descendants(udevd))
    init_s = insertion.by_hand()
    _run(("udevadm", "settle"))
    return init_s + processor_s(with_descendants(udevd)) - before_s


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
