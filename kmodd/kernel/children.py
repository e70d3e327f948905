"""A child of the loader, as the server knows it and as it knows itself.

Imported by the loader: nothing heavy in here.
"""

from __future__ import annotations

import signal
import time
from _socket import MSG_DONTWAIT, MSG_PEEK, socket

from kmodd.kernel.kmsg import KernelLog
from kmodd.kernel.operations import LOGGED, carry_out, rehearse
from kmodd.kernel.proc_stat import process_state
from kmodd.kernel.tools import Tools
from kmodd.kernel.verbs import SPARE
from kmodd.kernel.wire import PACKET_LIMIT, Answer, Request, decode_request, encode_answer
from kmodd.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# Longer than a module tree needs to be read. A pass waits for that, so a child must have an end where a file
# system does not answer, or where a FIFO lies among the files of modprobe.d.
_READING_S: Final = 30
_CHANGES_EACH: Final = 64  # whatever a child loses with each of them, it ends with that
_FREE: Final = b"free"
CHANGES: Final = frozenset((*LOGGED, SPARE))
"""Verbs of a child that may become free: who only answers a question ends with that."""


class Child:
    """The server's end of it. They share the log: what the child did not live to read is still there.

    On ``channel`` a child whose change went well says that it is free, and is given the next.
    """

    __slots__ = ("_left", "begun_s", "channel", "log", "pid", "unanswered")

    def __init__(self, request: Request, log: KernelLog, channel: socket) -> None:
        self.pid = 0
        self.log = log
        self.channel = channel
        self.unanswered = [request.number]
        """Numbers of the requests of which it is not certain that they were answered."""
        self._left = _CHANGES_EACH - 1 if request.verb in CHANGES else 0
        self.begun_s = time.monotonic()
        """When its last change began."""

    @property
    def may_become_free(self) -> bool:
        """Whether it is given another change if this one goes well."""
        return self._left > 0

    @property
    def is_asleep(self) -> bool:
        """Whether it waits for disk, hardware or a lock: it takes no processor, and may do so for long."""
        try:
            if process_state(self.pid) == "R":
                return False
            self.channel.recv(1, MSG_PEEK | MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False  # it has gone
        return False  # it has just said that it is free

    def hears_free(self) -> bool:
        """Take what it says on the channel: whether it can be given more."""
        try:
            word = self.channel.recv(len(_FREE))
        except ConnectionResetError:  # it ended before it had read what it was given (unix(7))
            return False
        if word != _FREE:
            return False
        del self.unanswered[:-1]  # what it did before this change has been answered
        return self._left > 0

    def give(self, packet: bytes, number: int) -> bool:
        """Hand on the request of a change; false if it is not there any more."""
        self.log.restart()
        try:
            self.channel.send(packet)
        except OSError:
            return False
        self.unanswered.append(number)
        self._left -= 1
        self.begun_s = time.monotonic()
        return True

    def close(self) -> None:
        """Let go of what this process has of it."""
        self.channel.close()
        self.log.close()


class Job(NamedTuple):
    """The child's own end: what it has to do first, and where more of that may come from."""

    request: Request
    log: KernelLog
    channel: socket

    def work(self, daemon: socket, tools: Tools) -> None:
        """Do it, and what else comes. Raises OSError when nobody is left to tell."""
        request: Request | None = self.request
        if self.request.verb == SPARE:
            rehearse(self.request, tools, self.log)
            self.channel.send(_FREE)
            request = self._next()
        while request is not None:
            limit_time(request)
            answer = carry_out(request, tools, self.log)
            is_free = _went_well(answer)
            if is_free:
                self.channel.send(_FREE)  # first: who has the answer may ask for the next change at once
            for packet in encode_answer(request.number, answer):
                daemon.sendall(packet)
            request = self._next() if is_free else None

    def _next(self) -> Request | None:
        packet = self.channel.recv(PACKET_LIMIT)
        return decode_request(packet) if packet else None


def limit_time(request: Request) -> None:
    """In a child: SIGALRM ends one that only reads; a change of the kernel takes what it takes."""
    if request.verb not in LOGGED:
        signal.alarm(_READING_S)


def _went_well(answer: Answer) -> bool:
    """Whether the process is as good as new, as far as anybody can tell."""
    report = answer.get("report")
    return report is not None and not report["error"]
