"""Events of the kernel in a number that is asked for."""

import subprocess
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

EVENTS = 1000


def raise_events(present: Sequence[str], count: int = EVENTS) -> None:
    """Uevents of modules, as ``udevadm trigger`` raises them (kernel/params.c: store_uevent)."""
    for name in islice(cycle(present), count):
        Path("/sys/module", name, "uevent").write_text("change")
    subprocess.run(["udevadm", "settle"], check=True)
