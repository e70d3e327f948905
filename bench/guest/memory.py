"""Memory of processes as the kernel accounts for it."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """Sums over processes. A page that several map counts in PSS for each by its part, in RSS as a whole."""

    pss_kib: float
    rss_kib: float


def memory_of(pids: Iterable[int]) -> Memory:
    """Memory of all of ``pids`` (proc_pid_smaps(5)); who has ended has none, reaped or not."""
    texts = [text for text in map(_smaps, pids) if text]
    return Memory(sum(_kib(text, "Pss") for text in texts), sum(_kib(text, "Rss") for text in texts))


def with_descendants(pid: int) -> tuple[int, ...]:
    """``pid`` and every process below it (proc_pid_stat(5))."""
    parents = dict(filter(None, map(_parent, Path("/proc").glob("[0-9]*"))))
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return tuple(found)


def _smaps(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _kib(text: str, field: str) -> float:
    for line in text.splitlines():
        if line.startswith(f"{field}:"):
            return float(line.split()[1])
    raise LookupError(f"smaps_rollup has no {field}")


def _parent(process: Path) -> tuple[int, int] | None:
    """(pid, pid of the parent); None for a process that has just gone."""
    try:
        text = (process / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(text.split(" ", 1)[0]), int(text.rsplit(") ", 1)[1].split()[1])
