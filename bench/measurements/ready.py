"""Start of the daemon, catalog cached and modules in the kernel, beside the interpreter's own start."""

import subprocess
import sys

from bench.guest import daemon, modules
from bench.measurement import seconds_in_turns, timed
from bench.series import Comparison, Finding

DECLARED = 200
ASYNCIO = (sys.executable, "-c", "import asyncio")


def measure(rounds: int) -> Finding:
    """From exec to READY=1 beside exec to exit of an interpreter that imports asyncio."""
    modules.declare(modules.load(DECLARED)[:DECLARED])
    parts = {"kmodd": start, "python -c 'import asyncio'": timed(_import_asyncio)}
    subject, peer = seconds_in_turns(rounds, parts)
    return Finding((Comparison("ready / import asyncio", subject, peer, target=2.0),))


def start() -> float:
    """Seconds until kmodd is ready; stopping it again is not in them."""
    started: list[daemon.Daemon] = []
    seconds = timed(lambda: started.append(daemon.start()))()
    started[0].stop()
    return seconds


def _import_asyncio() -> None:
    subprocess.run(ASYNCIO, env=dict(daemon.ENVIRONMENT), check=True)
