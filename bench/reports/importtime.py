"""Where the time of a start goes: ``python -X importtime`` over kmodd, until it is ready."""

import sys

from bench.guest import daemon, modules
from bench.measurements.ready import DECLARED
from bench.reports.digest import digest


def report() -> str:
    """The digest, and behind it what the interpreter said; run inside the guest."""
    modules.declare(modules.load(DECLARED)[:DECLARED])
    for command in ((daemon.KMODD,), (sys.executable, "-IS", "-X", "importtime", daemon.KMODD)):
        daemon.start(command).stop()
    raw = daemon.LOG.read_text(errors="replace")
    lines = [line for line in raw.splitlines() if line.startswith("import time:")]
    return "\n".join([digest(lines), "", *lines, ""])
