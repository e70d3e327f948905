"""A whole kmodd on a copy of what a guest shows: ``python -m bench.on_copy BASE RELEASE ADDRESS``."""

import asyncio
import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from bench.copied import Copy, places_of
from bench.guest import daemon
from bench.notifications import Notifications
from kmodd.daemon.app import serve
from tests.bus.private_bus import PrivateBus, private_bus
from tests.support.uml.process import REPOSITORY

PRESENT_ONLY = "60-auto.toml"
"""What no_op_pass.py declares beyond the modules that are there; without it there are 300."""


class OnCopy(NamedTuple):
    """A kmodd that is ready, the bus that it is on, and what it says to the service manager."""

    bus: PrivateBus
    heard: Notifications


@contextmanager
def serving(copy: Copy, variables: Mapping[str, str] = MappingProxyType({})) -> Iterator[OnCopy]:
    """A kmodd with 300 modules on a bus of its own, for the length of a with block."""
    (copy.base / "etc/kmodd.d" / PRESENT_ONLY).unlink(missing_ok=True)
    with private_bus() as bus, Notifications(copy.base / "kmodd.socket") as heard:
        command = (sys.executable, "-m", "bench.on_copy", str(copy.base), copy.release, bus.address)
        running = daemon.start_heard(command, heard, {"PYTHONPATH": str(REPOSITORY), **variables})
        try:
            yield OnCopy(bus, heard)
        finally:
            running.stop()


def main(base: str, release: str, address: str) -> int:
    """As kmodd.daemon.app.main, but there."""
    gc.freeze()
    return asyncio.run(serve(places_of(Path(base), release)._replace(bus=address), once=False))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
