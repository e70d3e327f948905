"""Keeps what changes modules, configuration and installation inside the guest."""

import sys
from pathlib import Path


def is_guest(cpuinfo: str) -> bool:
    """Whether /proc/cpuinfo is that of User Mode Linux (arch/um/kernel/um_arch.c)."""
    return any(line.startswith("vendor_id") and "User Mode Linux" in line for line in cpuinfo.splitlines())


def require_guest() -> None:
    """End with a sentence anywhere else."""
    if not is_guest(Path("/proc/cpuinfo").read_text(errors="replace")):
        sys.exit("this changes the machine that it runs on; python -m bench starts it in a guest")
