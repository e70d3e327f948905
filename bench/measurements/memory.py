"""Memory of kmodd at rest when it has been at work, beside an interpreter with asyncio alone."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.guest import daemon, modules
from bench.guest.bus import client
from bench.guest.memory import Memory, memory_of, with_descendants
from bench.guest.processes import wait_for_end
from bench.guest.uevents import raise_events
from bench.measurement import in_turns
from bench.series import Comparison, Finding, Series

DECLARED = 200
RUNTIME = Path("/run/kmodd")
_WAITING = "import asyncio, sys; print('there', flush=True); sys.stdin.read()"


def measure(rounds: int) -> Finding:
    """PSS and RSS at rest. Nothing is cached when kmodd starts, so loader and compiler have been at work."""
    present = modules.load(DECLARED)[:DECLARED]
    modules.declare(present)
    parts: dict[str, Callable[[], Memory]] = {"kmodd": lambda: _kmodd(present), "asyncio": _asyncio}
    kmodd, asyncio = in_turns(rounds, parts).values()
    return Finding(
        (
            _comparison("PSS", [each.pss_kib for each in kmodd], [each.pss_kib for each in asyncio]),
            _comparison("RSS", [each.rss_kib for each in kmodd], [each.rss_kib for each in asyncio]),
        ),
        ("memory: other processes here map the same interpreter, so PSS is lower than alone, on both sides",),
    )


def _comparison(what: str, kmodd: Iterable[float], asyncio: Iterable[float]) -> Comparison:
    peer = Series("python -c 'import asyncio'", "KiB", tuple(asyncio))
    return Comparison(f"memory {what} at rest / import asyncio", Series("kmodd", "KiB", tuple(kmodd)), peer)


def _kmodd(present: Sequence[str]) -> Memory:
    shutil.rmtree(RUNTIME, ignore_errors=True)
    running = daemon.start()
    try:
        raise_events(present)
        with client() as bus:  # the answer says that what came before has been taken
            bus.call("Reconcile")
        wait_for_end(pid for pid in with_descendants(running.pid) if pid != running.pid)
        return memory_of(with_descendants(running.pid))
    finally:
        running.stop()


def _asyncio() -> Memory:
    command = (sys.executable, "-c", _WAITING)
    environment = dict(daemon.ENVIRONMENT)
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as idle:
        assert idle.stdout is not None
        idle.stdout.readline()
        try:
            return memory_of((idle.pid,))
        finally:
            idle.communicate()
