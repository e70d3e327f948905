"""Keeps what changes modules, configuration and installation inside the guest."""

import sys
from collections.abc import Iterable
from pathlib import Path

_AGENT = "kmodd.agent"
"""The port that only machines of tests/support/vm have."""


def is_guest(cpuinfo: str, ports: Iterable[str] = ()) -> bool:
    """Whether /proc/cpuinfo is of User Mode Linux (arch/um/kernel/um_arch.c), or the port is the agent's."""
    lines = cpuinfo.splitlines()
    is_uml = any(line.startswith("vendor_id") and "User Mode Linux" in line for line in lines)
    return is_uml or _AGENT in ports


def require_guest() -> None:
    """End with a sentence anywhere else."""
    ports = [path.read_text().strip() for path in Path("/sys/class/virtio-ports").glob("*/name")]
    if not is_guest(Path("/proc/cpuinfo").read_text(errors="replace"), ports):
        sys.exit("this changes the machine that it runs on; python -m bench starts it in a guest")
