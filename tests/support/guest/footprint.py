"""What kmodd holds in a guest, and what a user without rights may do to it meanwhile."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.guest.daemon_bus import Bus
from tests.support.guest.machine import GuestMachine

PLACES = ("/run/kmodd", "/run/kmodd.d", "/var/lib/kmodd", "/etc/modprobe.d", "/run/modprobe.d")
"""Where kmodd writes; they have to be there."""

PROGRAM = Path(__file__).with_name("abuse.py")
MOST_KIB = 64 * 1024
MOST_LINES = 200
MOST_BYTES = 4096
_ANSWERS = "/run/abuse.json"
_TIME_FOR_A_ROUND_S = 300.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """What kmodd holds; ``ticks`` of the processor as in proc_pid_stat(5)."""

    resident_kib: int
    descriptors: int
    log_lines: int
    files: tuple[str, ...]
    files_bytes: int
    ticks: int


def footprint(vm: GuestMachine, daemon: int) -> Footprint:
    """Of the daemon alone: nobody but root reaches its loader."""
    status = vm.read(f"/proc/{daemon}/status")
    resident = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    assert resident
    times = vm.read(f"/proc/{daemon}/stat").rpartition(") ")[2].split()
    files = [
        line.split() for line in vm.run("find", *PLACES, "-printf", "%p %s\n").check().stdout.splitlines()
    ]
    return Footprint(
        int(resident[1]),
        len(vm.names_in(f"/proc/{daemon}/fd")),
        vm.log().count("\n"),
        tuple(sorted(name for name, _ in files)),
        sum(int(size) for _, size in files),
        int(times[11]) + int(times[12]),
    )


def assert_bounded(before: Footprint, after: Footprint) -> None:
    """What somebody did in between has left next to nothing."""
    assert after.resident_kib - before.resident_kib < MOST_KIB
    assert after.descriptors <= before.descriptors, "fewer when the loader has ended meanwhile"
    assert after.log_lines - before.log_lines < MOST_LINES
    assert after.files == before.files
    assert after.files_bytes - before.files_bytes < MOST_BYTES


@dataclass(frozen=True, slots=True)
class Abuse:
    """How often the flood was answered what, and what root's own calls met with meanwhile."""

    outcomes: Mapping[str, int]
    asked: int
    slowest_s: float


def flood(vm: GuestMachine, *command: str, rounds: int, seconds: int = 0) -> Abuse:
    """Have nobody flood the bus, with ``command`` (Python and the program), while root lists the modules."""
    bus = Bus(vm)
    abuse = vm.spawn(*command, "flood", str(rounds), str(seconds), output=_ANSWERS)
    asked, slowest_s = 0, 0.0
    while _is_alive(vm, abuse):
        started_s = vm.clock_s()
        assert [row[0] for row in bus.call("ListModules")] == ["dummy"]
        slowest_s, asked = max(slowest_s, vm.clock_s() - started_s), asked + 1
    assert vm.wait(abuse, timeout_s=_TIME_FOR_A_ROUND_S) == 0
    outcomes = json.loads(vm.read(_ANSWERS))
    vm.remove(_ANSWERS)
    return Abuse(outcomes, asked, slowest_s)


def _is_alive(vm: GuestMachine, pid: int) -> bool:
    """Whether a process has not ended."""
    return any(process.pid == pid and process.state != "Z" for process in vm.processes())
