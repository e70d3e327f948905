"""Modules whose init sleeps, as that of a driver that waits for its hardware: copies of one of the tests'."""

import os
import subprocess
from pathlib import Path

from bench.guest import modules

SLEEP_MS = 100
_ORIGINAL = "kmodd_sleep"
_OPTIONS = Path("/etc/modprobe.d/bench-sleepers.conf")


def sleepers(count: int) -> tuple[str, ...]:
    """Put so many into the module tree, each with a name of its own; the names.

    A name and the symbol that goes by it are texts of the file, and another one has to be as long.
    """
    directory = modules.TREES / os.uname().release / "extra"
    original = (directory / f"{_ORIGINAL}.ko").read_bytes()
    names = tuple(f"kmodd_sl{number:03}" for number in range(count))
    for name in names:
        assert len(name) == len(_ORIGINAL)
        (directory / f"{name}.ko").write_bytes(original.replace(_ORIGINAL.encode(), name.encode()))
    _OPTIONS.write_text("".join(f"options {name} init_ms={SLEEP_MS}\n" for name in names))
    subprocess.run(("depmod",), check=True)
    return names
