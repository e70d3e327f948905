"""Processes of the guest: run one and wait, start one that stays, look at all of them."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support.agent import wire
from tests.support.agent.notify import Notifications

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PAGER": "cat",
    "SYSTEMD_PAGER": "",
}


class Processes:
    """The children of the agent; each started one is waited for by a thread of its own."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications
        self._started: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def run(
        self, argv: list[str], timeout_s: float, stdin: str, environment: Mapping[str, str]
    ) -> dict[str, object]:
        """Run to the end: status, stdout, stderr. Killed after ``timeout_s``: status is None."""
        child = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**ENVIRONMENT, **environment},
            cwd="/",
            start_new_session=True,
        )
        status: int | None
        try:
            stdout, stderr = child.communicate(wire.to_bytes(stdin), timeout_s)
            status = child.returncode
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            stdout, stderr = child.communicate()
            status = None
        return {"status": status, "stdout": wire.to_text(stdout), "stderr": wire.to_text(stderr)}

    def spawn(self, argv: list[str], output: str, environment: Mapping[str, str], terminal: str) -> int:
        """Start in the background; its pid. Output is appended to a file, or all three go to ``terminal``."""
        opened = _terminal(terminal) if terminal else _appending(output)
        stdin = opened if terminal else subprocess.DEVNULL
        try:
            child = subprocess.Popen(
                ["/usr/bin/setsid", "--ctty", *argv] if terminal else argv,
                stdin=stdin,
                stdout=opened,
                stderr=opened,
                env={**ENVIRONMENT, **environment},
                cwd="/",
                start_new_session=not terminal,
            )
        finally:
            os.close(opened)
        with self._lock:
            self._started[child.pid] = child
        threading.Thread(target=self._collect, args=(child,), daemon=True).start()
        return child.pid

    def wait_for_notification(self, pid: int, assignment: str, since: int, timeout_s: float) -> bool:
        """Wait until a started process says ``assignment`` (sd_notify(3)); False when it ended or is late."""
        with self._lock:
            child = self._started[pid]
        return self._notifications.wait_for(
            assignment, since, lambda: child.returncode is not None, timeout_s
        )

    def wait(self, pid: int, timeout_s: float) -> int | None:
        """Exit status of a started process (negative: signal), None when it runs on after ``timeout_s``."""
        with self._lock:
            child = self._started[pid]
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def _collect(self, child: subprocess.Popen[bytes]) -> None:
        child.wait()
        self._notifications.look_again()


def _terminal(path: str) -> int:
    """Open a terminal without taking it as our own."""
    return os.open(path, os.O_RDWR | os.O_NOCTTY)


def _appending(path: str) -> int:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def send_signal(pid: int, number: int) -> None:
    """kill(2)."""
    os.kill(pid, number)


@dataclass(frozen=True, slots=True)
class Process:
    """A process with a command line, or a zombie (proc(5)); ``state`` is the letter of ps(1)."""

    pid: int
    parent: int
    state: str
    name: str
    argv: tuple[str, ...]


def list_processes() -> list[dict[str, object]]:
    """Every process but kernel threads."""
    return [asdict(process) for process in scan()]


def scan() -> list[Process]:
    """Every process but kernel threads."""
    found = (_describe(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return [process for process in found if process is not None]


def _describe(pid: int) -> Process | None:
    """One process; None for a kernel thread and for one that has just gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        argv = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")[:-1]
    except OSError:
        return None
    name, rest = stat[stat.index("(") + 1 :].rsplit(") ", 1)
    state, parent = rest.split()[:2]
    is_thread_of_kernel = not argv and state != "Z"
    return None if is_thread_of_kernel else Process(pid, int(parent), state, name, tuple(argv))
