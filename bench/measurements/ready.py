"""Start of the daemon, modules in the kernel: catalog cached, beside the interpreter's own start; and not."""

import subprocess
import sys
import time
from collections.abc import Sequence

from bench.guest import daemon, modules
from bench.measurement import seconds_in_turns, timed
from bench.series import Comparison, Finding

DECLARED = 200
_STILL_S = 0.1
"""Files that change while they are compiled are compiled again at the next start (config/compile.py)."""

ASYNCIO = (sys.executable, "-c", "import asyncio")


def measure(rounds: int) -> Finding:
    """From exec to READY=1 beside exec to exit of an interpreter that imports asyncio."""
    declared = modules.load(DECLARED)[:DECLARED]
    modules.declare(declared)
    parts = {
        "kmodd": start,
        "kmodd, a file changed": lambda: _start_after_change(declared),
        "python -c 'import asyncio'": timed(_import_asyncio),
    }
    cached, changed, peer = seconds_in_turns(rounds, parts)
    return Finding(
        (
            Comparison("ready / import asyncio", cached, peer, target=2.0),
            Comparison("ready after a change / ready", changed, cached, target=4.0),
        )
    )


def start() -> float:
    """Seconds until kmodd is ready; stopping it again is not in them."""
    started: list[daemon.Daemon] = []
    seconds = timed(lambda: started.append(daemon.start()))()
    started[0].stop()
    return seconds


def _start_after_change(declared: Sequence[str]) -> float:
    """The same file written anew is another one; what comes of it is cached for the next start."""
    modules.declare(declared)
    time.sleep(_STILL_S)
    return start()


def _import_asyncio() -> None:
    subprocess.run(ASYNCIO, env=dict(daemon.ENVIRONMENT), check=True)
