"""A pass that finds nothing to do in 1,000 modules, beside ansible that looks at 20 of them."""

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.guest import daemon, units
from bench.guest.bus import Client, client
from bench.measurement import seconds_in_turns, timed
from bench.measurements.no_op_pass import DECLARED, PRESENT, declare, reconcile
from bench.series import Comparison, Finding

ASKED = 20
PASSES = 5
_MOST = 1 / 500
_QUIET_S = 0.6
"""As in bench/guest/in_process.py."""

_PLAYBOOK = Path("/run/bench-playbook.json")


def measure(rounds: int) -> Finding:
    """The whole pass beside one playbook, in which one task has a loop of 20 in check mode."""
    units.afresh()
    present = declare()[:PRESENT]
    _PLAYBOOK.write_text(json.dumps(playbook(present[:: PRESENT // ASKED])))
    units.start(units.KMODD)
    with client() as bus:
        parts = {
            "kmodd, 1,000 modules": lambda: _pass(bus),
            "ansible, 20 modules": timed(_play),
        }
        kmodd, ansible = seconds_in_turns(rounds, parts)
    units.stop(units.KMODD)
    return Finding(
        (Comparison("pass of 1,000 modules / ansible, 20 of them", kmodd, ansible, _MOST),),
        (
            f"pass beside ansible: Reconcile() on the bus, {DECLARED} modules declared, {PRESENT} there;"
            f" ansible-playbook --check, one task with a loop of {ASKED} of those, without gathering facts",
        ),
    )


def playbook(names: Sequence[str]) -> object:
    """One play for this machine, which has the modules ``names`` loaded; JSON is YAML."""
    task = {"community.general.modprobe": {"name": "{{ item }}", "state": "present"}, "loop": list(names)}
    return [{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}]


def _pass(bus: Client) -> float:
    """Seconds for a pass; several, because a round of ansible takes so long that there are few."""
    return median(_quiet_pass(bus) for _ in range(PASSES))


def _quiet_pass(bus: Client) -> float:
    time.sleep(_QUIET_S)
    return timed(lambda: reconcile(bus))()


def _play() -> None:
    command = ("ansible-playbook", "--check", "--inventory=localhost,", str(_PLAYBOOK))
    environment = {**daemon.ENVIRONMENT, "HOME": "/root"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in done.stdout, done.stdout
