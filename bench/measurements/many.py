"""Many modules at once, with all that they need; beside what else loads modules, and what nobody spares."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.guest import daemon, modules
from bench.guest.bus import Client, client
from bench.guest.insertion import SPARING_POLL_S, Insertion, insertable
from bench.guest.memory import with_descendants
from bench.guest.processes import named, processor_s
from bench.measurement import in_turns, seconds_in_turns, timed
from bench.series import Comparison, Finding, Series

COUNT = 50
MOST = 0.6
"""Of what ``modprobe --all`` takes."""

_PAUSED = Path("/run/kmodd/paused")
_MODULES_LOAD = Path("/run/bench-modules-load.conf")
_QUIET_S = 0.6
"""As in bench/guest/in_process.py."""


class Loaded(NamedTuple):
    """The same modules, each time from nothing: by kmodd at work, by ``kmodd --once``, and by its peers."""

    at_work: Series
    once: Series
    modprobe: Series
    modules_load: Series

    def comparisons(self, what: str) -> tuple[Comparison, ...]:
        """kmodd's two beside the peer of each."""
        return (
            Comparison(f"{what} / modprobe --all", self.at_work, self.modprobe, target=MOST),
            Comparison(f"{what}, --once / systemd-modules-load", self.once, self.modules_load),
        )


def measure(rounds: int) -> Finding:
    """In a guest with one processor, where nothing is gained by loading several at once."""
    return compared(rounds, "50 modules")


def compared(rounds: int, what: str) -> Finding:
    """Beside the peers, and beside the part that every loader has: init, and udevd's work for the events."""
    insertion = insertable(COUNT)
    loaded = loaded_in_turns(rounds, insertion)
    shares = in_turns(rounds, {"": insertion.from_nothing(lambda: _inevitable(insertion))})[""]
    cores = os.cpu_count() or 1
    init = Series("their init, on all cores", "s", tuple(init_s / cores for init_s, _ in shares))
    both = Series("init and udevd, on all cores", "s", tuple(sum(share) / cores for share in shares))
    return Finding(
        (
            *loaded.comparisons(what),
            Comparison(f"{what} / their init", loaded.at_work, init, target=1.15),
            Comparison(f"{what} / init and udevd", loaded.at_work, both),
            Comparison(f"{what}, modprobe --all / init and udevd", loaded.modprobe, both),
        ),
        (about(what, insertion),),
    )


def about(what: str, insertion: Insertion) -> str:
    """What was loaded, as a sentence."""
    return (
        f"{what}: {insertion.count} with all that they need; processors: {os.cpu_count()};"
        f" kmodd's time has about {SPARING_POLL_S * 500:.0f} ms in it until that is seen"
    )


def loaded_in_turns(rounds: int, insertion: Insertion) -> Loaded:
    """A daemon that is told to go on, and ``kmodd --once`` from exec to exit, as a boot has it."""
    modules.declare(insertion.names)
    _MODULES_LOAD.write_text("\n".join(insertion.names))
    parts: Mapping[str, Callable[[], float]] = {
        "kmodd at work": lambda: _resumed(insertion),
        "kmodd --once": _once,
        "modprobe --all": timed(lambda: _run(("modprobe", "--all", *insertion.names))),
        "systemd-modules-load": timed(
            lambda: _run(("/lib/systemd/systemd-modules-load", str(_MODULES_LOAD)))
        ),
    }
    each = {label: insertion.from_nothing(part) for label, part in parts.items()}
    return Loaded(*seconds_in_turns(rounds, each))


def _inevitable(insertion: Insertion) -> tuple[float, float]:
    """Seconds inside of init, and those of processor that udevd takes for the events of these modules."""
    udevd = named("systemd-udevd")
    _run(("udevadm", "settle"))
    before_s = processor_s(with_descendants(udevd))
    init_s = insertion.by_hand()
    _run(("udevadm", "settle"))
    return init_s, processor_s(with_descendants(udevd)) - before_s


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
