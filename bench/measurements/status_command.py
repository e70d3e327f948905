"""``kmoddctl status`` from exec to exit, beside busctl, and an interpreter that does nothing."""

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench.guest import daemon, modules
from bench.measurement import seconds_in_turns, timed
from bench.series import Comparison, Finding
from kmodd.bus.names import MANAGER_INTERFACE, MANAGER_PATH, SERVICE

DECLARED = 200
_KMODDCTL = str(Path(sys.executable).with_name("kmoddctl"))
_ALONE = "python -c pass"
_COMMANDS = {
    "kmoddctl status": (_KMODDCTL, "status"),
    "busctl get-property": ("busctl", "get-property", SERVICE, MANAGER_PATH, MANAGER_INTERFACE, "State"),
    _ALONE: (sys.executable, "-c", "pass"),
}


def measure(rounds: int) -> Finding:
    """All on a daemon that has 200 modules."""
    modules.declare(modules.load(DECLARED)[:DECLARED])
    running = daemon.start()
    try:
        parts = {label: timed(partial(_run, command)) for label, command in _COMMANDS.items()}
        subject, *peers = seconds_in_turns(rounds, parts)
    finally:
        running.stop()
    return Finding(
        tuple(Comparison(f"kmoddctl status / {peer.label}", subject, peer) for peer in peers),
        ("kmoddctl status: systemctl status is for a machine with systemd, which this guest is not",),
    )


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, env=dict(daemon.ENVIRONMENT), stdout=subprocess.DEVNULL, check=True)
