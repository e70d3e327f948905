"""A device is plugged in: until the module that waits for it is live; beside a rule of udev."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.guest import daemon, modules
from bench.guest.insertion import Insertion, remove
from bench.measurement import seconds_in_turns, timed
from bench.series import Comparison, Finding

MODULE = "nls_cp737"
"""Small, with nothing that it needs, and nobody else asks for it."""

ANOTHER = "nls_cp775"
"""Loaded by kmodd when it starts, so that its loader is there when the device comes."""

_HOSTS = Path("/sys/bus/pseudo/drivers/scsi_debug/add_host")
_RULES = Path("/run/udev/rules.d/99-bench.rules")
_WHEN = 'when.device = { subsystem = "scsi", modalias = "scsi:t-0x00*" }\n'
_RULE = (
    'ACTION=="add", SUBSYSTEM=="scsi", ENV{MODALIAS}=="scsi:t-0x00*",'
    f' RUN{{builtin}}+="kmod load {MODULE}"\n'
)
_LOADS = Path("/run/kmodd/loads.json")
_QUIET_S = 1.0
"""What begins after it finds both at rest."""


def measure(rounds: int) -> Finding:
    """From the write that plugs a SCSI disk in."""
    subprocess.run(("modprobe", "scsi_debug", "add_host=0"), check=True)
    modules.declare((MODULE,), more=_WHEN)
    parts = {
        "kmodd, when.device": lambda: _with_kmodd(loader=True),
        "kmodd that has loaded nothing yet": lambda: _with_kmodd(loader=False),
        "a rule of udev, kmod load": _with_rule,
    }
    subject, first, peer = seconds_in_turns(rounds, parts)
    return Finding(
        (
            Comparison("device to module / rule of udev", subject, peer, target=1.2),
            Comparison("device to first module / rule of udev", first, peer, target=1.2),
        ),
        (
            "device to module: what the kernel needs to make the device is in the time of both; a rule of"
            " udev waits for its probe too, where kmodd follows the kernel's own event",
        ),
    )


def _with_kmodd(*, loader: bool) -> float:
    _LOADS.unlink(missing_ok=True)  # that it was taken out the last time is not held against anybody
    needed = (ANOTHER,) if loader else ()
    modules.declare(needed, file="60-another.toml")
    _started(needed).stop()  # so that the next start finds everything cached
    Insertion(needed).remove()
    running = _started(needed)
    try:
        return _plugged()
    finally:
        running.stop()
        _unplug()
        Insertion(needed).remove()


def _started(needed: Sequence[str]) -> daemon.Daemon:
    """A kmodd that is ready and has loaded what it needs to."""
    running = daemon.start()
    Insertion(needed).wait()
    return running


def _with_rule() -> float:
    _RULES.parent.mkdir(parents=True, exist_ok=True)
    _RULES.write_text(_RULE)
    _udevadm("control", "--reload")
    try:
        return _plugged()
    finally:
        _RULES.unlink()
        _udevadm("control", "--reload")
        _unplug()


def _plugged() -> float:
    insertion = Insertion((MODULE,))
    time.sleep(_QUIET_S)
    return timed(lambda: _plug(insertion))()


def _plug(insertion: Insertion) -> None:
    _HOSTS.write_text("1")
    insertion.wait()


def _unplug() -> None:
    _udevadm("settle")
    _HOSTS.write_text("-1")
    _udevadm("settle")
    remove(MODULE)


def _udevadm(*arguments: str) -> None:
    subprocess.run(("udevadm", *arguments), check=True)
