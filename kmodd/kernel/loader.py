"""The loader: a small fork server between the daemon and the kernel, a program of its own.

For every request it forks a child that does the one kernel operation, says itself what came of it, and ends.
So an init function that hangs, oopses or is killed costs that child and nothing else. The server only forks,
reaps, and says "lost" for a child that ended without a word. It ends when the daemon's end of the socket is
closed, without waiting for children: one may be in a D state that no signal ends.

Its children make a libkmod context each (0.2 ms): so modprobe.d and the module tree are never stale, and a
file in there that hangs or breaks libkmod costs one child too.

Started as ``python -I -S loader_main.py FD [PLACES]``; nothing heavy is imported: no dataclasses, no asyncio.
"""

import ctypes
import gc
import os
import resource
import select
import signal
import socket
import sys
from typing import Final, NamedTuple

from kmodd.errors import ErrorKind
from kmodd.kernel.kmsg import KernelLog, KernelLogs
from kmodd.kernel.operations import LOGGED, carry_out
from kmodd.kernel.tools import Tools
from kmodd.kernel.wire import (
    PACKET_LIMIT,
    Answer,
    Failure,
    Request,
    decode_places,
    decode_request,
    encode_answer,
    encode_lost,
)
from kmodd.names import LOADER

_PR_SET_NAME: Final = 15  # include/uapi/linux/prctl.h
# Longer than a module tree needs to be read. A pass waits for that, so a child must have an end where a file
# system does not answer, or where a FIFO lies among the files of modprobe.d.
_READING_S: Final = 30
_FDS_PER_CHILD: Final = 2  # pidfd and kernel log
_FDS_SPARE: Final = 32
# Ctrl-C and the stop of a service reach the whole process group or control group. The daemon decides what
# then happens; a load under way is not to be interrupted, and the server ends with the socket.
_IGNORED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Child(NamedTuple):
    """A child under way. It shares the log with the server: what it did not live to read is still there."""

    pid: int
    number: int
    log: KernelLog


class _Job(NamedTuple):
    """What a fresh child has to do."""

    request: Request
    log: KernelLog


class _Server:
    """Forks and reaps; children are keyed by their pidfd."""

    def __init__(self, daemon: socket.socket, logs: KernelLogs, children_limit: int) -> None:
        self._daemon = daemon
        self._logs = logs
        self._children_limit = children_limit
        self._children: dict[int, _Child] = {}
        self._poll = select.poll()
        self._poll.register(daemon, select.POLLIN)

    def serve(self) -> _Job | None:
        """Serve until the daemon is gone: None then; in each child it returns too, with the child's job."""
        while True:
            for fd, _events in self._poll.poll():
                if fd != self._daemon.fileno():
                    self._reap(fd)
                    continue
                packet = self._daemon.recv(PACKET_LIMIT)
                if not packet:
                    return None
                job = self._start(decode_request(packet))
                if job is not None:
                    return job

    def _start(self, request: Request) -> _Job | None:
        """Fork a child for ``request``: its job in the child, None in the server."""
        if len(self._children) >= self._children_limit:
            self._refuse(request.number, "too many of its children are still at work")
            return None
        log = self._logs.from_now() if request.verb in LOGGED else KernelLog(None)
        try:
            pid = os.fork()
        except OSError as error:
            log.close()
            self._refuse(request.number, os.strerror(error.errno or 0))
            return None
        if pid == 0:
            self._forget_children()
            return _Job(request, log)
        pidfd = os.pidfd_open(pid)
        self._children[pidfd] = _Child(pid, request.number, log)
        self._poll.register(pidfd, select.POLLIN)
        return None

    def _reap(self, pidfd: int) -> None:
        """Take leave of a child that has ended, and speak for it if it could not."""
        child = self._children.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(child.pid, 0)
        if status:
            self._daemon.sendall(encode_lost(child.number, child.log.texts()))
        child.log.close()

    def _refuse(self, number: int, why: str) -> None:
        failure = Failure(
            kind=ErrorKind.LOADER_LOST.name, message=f"the loader cannot start a child: {why}", hint=""
        )
        for packet in encode_answer(number, Answer(failure=failure)):
            self._daemon.sendall(packet)

    def _forget_children(self) -> None:
        """In a child: give back what belongs to its siblings."""
        for pidfd, sibling in self._children.items():
            os.close(pidfd)
            sibling.log.close()


def main() -> None:
    """Serve the socket whose number is the first argument; the process never returns from here."""
    fd = int(sys.argv[1])
    places = decode_places(sys.argv[2] if len(sys.argv) > 2 else "")
    kmsg_files = range(fd + 1, fd + 1 + places.kmsg_files)
    children_limit = _settle(fd, kmsg_files)
    tools = Tools(places)
    tools.prepare()
    gc.disable()
    gc.freeze()
    daemon = socket.socket(fileno=fd)
    try:
        job = _Server(daemon, KernelLogs(places.kmsg, kmsg_files), children_limit).serve()
        if job is not None:
            limit_time(job.request)
            for packet in encode_answer(job.request.number, carry_out(job.request, tools, job.log)):
                daemon.sendall(packet)
    except (BrokenPipeError, ConnectionResetError):
        os._exit(1)  # the daemon is gone: nobody is left to tell
    os._exit(0)


def limit_time(request: Request) -> None:
    """In a child: SIGALRM ends one that only reads; a change of the kernel takes what it takes."""
    if request.verb not in LOGGED:
        signal.alarm(_READING_S)


def _settle(fd: int, kmsg_files: range) -> int:
    """Name the process, ignore what is meant for the daemon, keep no file but ``fd`` and what follows it.

    Returns how many children the file descriptors last for, having taken all that may be had.
    """
    ctypes.CDLL(None).prctl(_PR_SET_NAME, LOADER.encode(), 0, 0, 0)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.closerange(3, fd)
    os.closerange(kmsg_files.stop, soft)
    for kmsg in kmsg_files:
        os.set_blocking(kmsg, False)
    files = min(hard, 2**16) if hard != resource.RLIM_INFINITY else 2**16
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(1, (files - _FDS_SPARE) // _FDS_PER_CHILD)
