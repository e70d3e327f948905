"""kmodd in the guest: started, waited for, stopped; in an environment that its peers share."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

KMODD = str(Path(sys.executable).with_name("kmodd"))
ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
LOG = Path("/run/bench-kmodd.log")
_NOTIFY = "/run/bench-notify"
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
    with _notifications() as heard, open(LOG, "wb") as log:
        child = subprocess.Popen(
            command, env={**ENVIRONMENT, "NOTIFY_SOCKET": _NOTIFY}, stdin=subprocess.DEVNULL, stderr=log
        )
        if not _is_ready(child, heard):
            child.kill()
            child.wait()
            raise NotReady(LOG.read_text(errors="replace"))
    return Daemon(child)


@contextmanager
def _notifications() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(_NOTIFY)
        try:
            yield heard
        finally:
            with suppress(FileNotFoundError):
                os.unlink(_NOTIFY)


def _is_ready(child: subprocess.Popen[bytes], heard: socket.socket) -> bool:
    """Wait for READY=1, the end of the process or the end of patience."""
    pidfd = os.pidfd_open(child.pid)
    try:
        poll = select.poll()
        poll.register(heard, select.POLLIN)
        poll.register(pidfd, select.POLLIN)
        while events := dict(poll.poll(_PATIENCE_S * 1000)):
            if pidfd in events:
                return False
            if b"READY=1" in heard.recv(1 << 16).split(b"\n"):
                return True
        return False
    finally:
        os.close(pidfd)
