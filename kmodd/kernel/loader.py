"""The loader: a small fork server between the daemon and the kernel, a program of its own.

For every request it has a child that does the one kernel operation and says itself what came of it. So an
init function that hangs, oopses or is killed costs that child and nothing else. A child whose change went
well is given the next one if that comes soon, because a fork is dearer than most changes: where there is
one more awake and at work than there are processors, a change even waits a moment for a child that becomes
free. All other children end with their answer. The server only forks, hands on, reaps, and says "lost" for a
child that ended without a word. It ends when the daemon's end of the socket is closed, without waiting for
children: one may be in a D state that no signal ends.

A libkmod context is made for each request (0.2 ms): so modprobe.d and the module tree are never stale, and a
file in there that hangs or breaks libkmod costs one child too.

Started as ``python -I -S loader_main.py FD [PLACES]``; nothing heavy is imported: no dataclasses, no asyncio.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import select
import signal
import sys
import time
from _socket import AF_UNIX, SOCK_SEQPACKET, socket, socketpair
from collections import deque

from kmodd.errors import ErrorKind
from kmodd.kernel.children import CHANGES, Child, Job
from kmodd.kernel.kmsg import KernelLog, KernelLogs
from kmodd.kernel.operations import LOGGED, questions
from kmodd.kernel.tools import Tools
from kmodd.kernel.verbs import SPARE
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
from kmodd.named_tuple import NamedTuple
from kmodd.names import LOADER, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_PR_SET_NAME: Final = 15  # include/uapi/linux/prctl.h
_FREE_MS: Final = 1000  # longer than the daemon needs from one change to the next of the same burst
_FDS_PER_CHILD: Final = 3  # pidfd, channel and kernel log
_FDS_SPARE: Final = 32
# Ctrl-C and the stop of a service reach the whole process group or control group. The daemon decides what
# then happens; a load under way is not to be interrupted, and the server ends with the socket.
_IGNORED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Waiting(NamedTuple):
    """A change, as it came and decoded, and since when (time.monotonic) it waits for a child."""

    packet: bytes
    request: Request
    since_s: float


class Server:
    """Forks, hands on and reaps; children are kept by their pidfd, and by their channel while it is open."""

    def __init__(
        self,
        daemon: socket,
        logs: KernelLogs,
        children_limit: int,
        *,
        patience_s: float,
        moment_s: float,
    ) -> None:
        """``patience_s``: for how long a change waits for one of those that keep all processors busy.

        ``moment_s``: after how long it is looked at whether they do, and looked again.
        """
        self._daemon = daemon
        self._logs = logs
        self._children_limit = children_limit
        self._patience_s = patience_s
        self._moment_s = moment_s
        self._enough = len(os.sched_getaffinity(0)) + 1
        """Children at work that keep all processors busy, because one of them may be about to sleep."""
        self._waiting: deque[_Waiting] = deque()
        self._children: dict[int, Child] = {}
        self._channels: dict[int, Child] = {}
        self._free: list[Child] = []
        self._spare = 0
        """How many are kept although nothing comes."""
        self._poll = select.poll()
        self._poll.register(daemon, select.POLLIN)

    def serve(self) -> Job | None:
        """Serve until the daemon is gone: None then; in each child it returns too, with the child's job."""
        while True:
            events = {fd for fd, _ in self._poll.poll(self._rest_ms())}
            if not events and not self._waiting:
                self._dismiss_free()
            for fd in events & self._channels.keys():  # who has become free can be given what comes now
                self._hear(self._channels[fd])
            for fd in events & self._children.keys():
                self._reap(fd)
            packet = self._daemon.recv(PACKET_LIMIT) if self._daemon.fileno() in events else None
            if packet == b"":
                return None
            job = self._start(packet) if packet else None
            job = job or self._start_waiting()
            if job is not None:
                return job

    def _rest_ms(self) -> float | None:
        """After how long there is something to do although nothing has come; None for never."""
        if self._waiting:
            waited_s = time.monotonic() - self._waiting[0].since_s
            look_s = self._moment_s - waited_s if waited_s < self._moment_s else self._moment_s
            return max(0.0, min(look_s, self._patience_s - waited_s)) * 1000
        return _FREE_MS if len(self._free) > self._spare else None

    def _start(self, packet: bytes) -> Job | None:
        """Have a child do what ``packet`` asks for: its job in a new child, None in the server."""
        request = decode_request(packet)
        if request.verb == SPARE:
            self._spare = 1
            if self._free:
                return None
        elif request.verb in LOGGED:
            self._waiting.append(_Waiting(packet, request, time.monotonic()))
            return None
        return self._fork(request)

    def _has_to_wait(self, change: _Waiting) -> bool:
        """Whether one more child would only take a processor from those that will soon be free.

        Who has been at it for long may hang, and who sleeps takes none; most sleep for less than a moment.
        """
        now_s = time.monotonic()
        waited_s = now_s - change.since_s
        if waited_s >= self._patience_s:
            return False
        begun_s = now_s - self._patience_s
        soon = [c for c in self._channels.values() if c.may_become_free and c.begun_s > begun_s]
        if waited_s >= self._moment_s:
            soon = [child for child in soon if not child.is_asleep]
        return len(soon) >= self._enough

    def _start_waiting(self) -> Job | None:
        """As ``_start``, with what waits: to a child that is free, or to a new one when it is time."""
        while self._waiting:
            change = self._waiting[0]
            if not self._give(change.packet, change.request.number):
                if self._has_to_wait(change):
                    return None
                job = self._fork(change.request)
                if job is not None:
                    return job
            self._waiting.popleft()
        return None

    def _give(self, packet: bytes, number: int) -> bool:
        """Give it to a child that is free; false if there is none."""
        while self._free:
            if self._free.pop().give(packet, number):
                return True
        return False

    def _fork(self, request: Request) -> Job | None:
        """As ``_start``, with a new child; says so where there can be none."""
        if len(self._children) >= self._children_limit:
            self._refuse(request.number, "too many of its children are still at work")
            return None
        try:
            return self._forked(request)
        except OSError as error:
            self._refuse(request.number, os.strerror(error.errno or 0))
        except ImportError as error:  # kmodd's files are being replaced by those of another version
            self._refuse(request.number, printable(str(error)))
        return None

    def _forked(self, request: Request) -> Job | None:
        """As ``_fork``. Raises OSError and ImportError."""
        if request.verb not in CHANGES:
            questions()
        ours, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
        log = self._logs.from_now() if request.verb in CHANGES else KernelLog(None)
        child = Child(request, log, ours)
        try:
            child.pid = os.fork()
        except OSError:
            child.close()
            theirs.close()
            raise
        if child.pid == 0:
            ours.close()
            self._forget_children()
            return Job(request, log, theirs)
        theirs.close()
        self._add(child)
        return None

    def _add(self, child: Child) -> None:
        pidfd = os.pidfd_open(child.pid)
        self._children[pidfd] = self._channels[child.channel.fileno()] = child
        self._poll.register(pidfd, select.POLLIN)
        self._poll.register(child.channel, select.POLLIN)

    def _hear(self, child: Child) -> None:
        """It is free, or it ends."""
        if child.hears_free():
            self._free.append(child)
        else:
            self._dismiss(child)

    def _dismiss_free(self) -> None:
        for child in self._free[self._spare :]:
            self._dismiss(child)
        del self._free[self._spare :]

    def _dismiss(self, child: Child) -> None:
        """Give it nothing any more: it ends when it next wants something."""
        if self._channels.pop(child.channel.fileno(), None) is not None:
            self._poll.unregister(child.channel)
            child.channel.close()

    def _reap(self, pidfd: int) -> None:
        """Take leave of a child that has ended, and speak for it if it could not."""
        child = self._children.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        self._dismiss(child)
        self._free = [other for other in self._free if other is not child]
        _, status = os.waitpid(child.pid, 0)
        if status:
            messages = child.log.texts()
            for number in child.unanswered:
                self._daemon.sendall(encode_lost(number, messages))
        child.log.close()

    def _refuse(self, number: int, why: str) -> None:
        failure = Failure(
            kind=ErrorKind.LOADER_LOST.code, message=f"the loader cannot start a child: {why}", hint=""
        )
        for packet in encode_answer(number, Answer(failure=failure)):
            self._daemon.sendall(packet)

    def _forget_children(self) -> None:
        """In a child: give back what belongs to its siblings."""
        for pidfd, sibling in self._children.items():
            os.close(pidfd)
            sibling.close()


def main() -> None:
    """Serve the socket whose number is the first argument; the process never returns from here."""
    fd = int(sys.argv[1])
    places = decode_places(sys.argv[2] if len(sys.argv) > 2 else "")
    kmsg_files = range(fd + 1, fd + 1 + places.kmsg_files)
    children_limit = _settle(fd, kmsg_files)
    tools = Tools(places)
    tools.prepare()
    gc.freeze()
    daemon = socket(fileno=fd)
    logs = KernelLogs(places.kmsg, kmsg_files)
    try:
        # A fork, with all the pages that a child makes its own, costs about a quarter of what this start did.
        start_s = time.process_time()
        job = Server(daemon, logs, children_limit, patience_s=start_s, moment_s=start_s / 4).serve()
        if job is not None:
            job.work(daemon, tools)
    except (BrokenPipeError, ConnectionResetError):
        os._exit(1)  # the daemon is gone: nobody is left to tell
    os._exit(0)


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
