"""kmodd started, waited for, heard and stopped; in an environment that its peers share."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from bench.notifications import Notifications

KMODD = str(Path(sys.executable).with_name("kmodd"))
ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
NOTIFY = Path("/run/bench-kmodd.socket")
LOG = NOTIFY.with_suffix(".log")
_PATIENCE_S = 120.0


class NotReady(Exception):
    """kmodd ended, or did not say READY=1; the message is its log."""


class Daemon:
    """A kmodd that is ready."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        self.pid = child.pid

    def stop(self) -> None:
        """End it as systemd does, and reap it."""
        self._child.send_signal(signal.SIGTERM)
        self._child.wait()


def start(command: Sequence[str] = (KMODD,)) -> Daemon:
    """Start kmodd and return as soon as it says that it is ready (sd_notify(3)). Raises NotReady."""
    with Notifications(NOTIFY) as heard:
        return start_heard(command, heard)


def start_heard(
    command: Sequence[str], heard: Notifications, variables: Mapping[str, str] = MappingProxyType({})
) -> Daemon:
    """As ``start``, for who wants to hear more of it than that; with ``variables`` in its environment.

    Its log lies beside the socket.
    """
    environment = {**ENVIRONMENT, **variables, "NOTIFY_SOCKET": str(heard.path)}
    log = heard.path.with_suffix(".log")
    with open(log, "wb") as lines:
        child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=lines)
    if not _is_ready(child, heard):
        child.kill()
        child.wait()
        raise NotReady(log.read_text(errors="replace"))
    return Daemon(child)


def _is_ready(child: subprocess.Popen[bytes], heard: Notifications) -> bool:
    """Wait for READY=1, the end of the process or the end of patience."""
    pidfd = os.pidfd_open(child.pid)
    try:
        poll = select.poll()
        poll.register(heard, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        while events := dict(poll.poll(_PATIENCE_S * 1000)):
            if pidfd in events:
                return False
            if "READY=1" in heard.receive().lines:
                return True
        return False
    finally:
        os.close(pidfd)
