"""Processes as proc(5) accounts for them: who they are, and what they have used."""

import os
import re
import select
from collections.abc import Iterable
from pathlib import Path

_TICKS_S = os.sysconf("SC_CLK_TCK")
_PATIENCE_S = 60.0
_SWITCHES = re.compile(r"^voluntary_ctxt_switches:\s*(\d+)$", re.MULTILINE)


def named(name: str) -> int:
    """Pid of the oldest process with this name (its first 15 letters). Raises LookupError."""
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*") if _is(path / "comm", name)]
    if not pids:
        raise LookupError(f"there is no {name}")
    return min(pids)


def processor_s(pids: Iterable[int]) -> float:
    """Seconds of processor that they have used, with those of their children that they have reaped."""
    return sum(map(_processor_s, pids))


def wakeups(pids: Iterable[int], proc: Path = Path("/proc")) -> int:
    """How often they have slept and woken up, all threads together."""
    statuses = [path.read_text() for pid in pids for path in (proc / f"{pid}/task").glob("*/status")]
    return sum(int(found[1]) for found in map(_SWITCHES.search, statuses) if found)


def wait_for_end(pids: Iterable[int]) -> None:
    """Until all of ``pids`` have ended (pidfd_open(2)). Raises TimeoutError after a minute."""
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            if not poll.poll(_PATIENCE_S * 1000):
                raise TimeoutError(f"process {pid} does not end")
        finally:
            os.close(descriptor)


def _processor_s(pid: int) -> float:
    """utime, stime, cutime and cstime (proc_pid_stat(5)); 0 for one that has just gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, text.rsplit(") ", 1)[1].split()[11:15])) / _TICKS_S


def _is(comm: Path, name: str) -> bool:
    try:
        return comm.read_text().strip() == name[:15]
    except (FileNotFoundError, ProcessLookupError):
        return False
