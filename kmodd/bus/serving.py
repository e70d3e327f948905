"""The queue of calls and the loop together: serves in slices, so that everything else gets its turn too."""

import asyncio
import logging
import time
from collections.abc import Callable

from kmodd.bus import names
from kmodd.bus.complaints import Complaints
from kmodd.bus.connection import Connection
from kmodd.bus.fair import FairQueue
from kmodd.bus.message import Message
from kmodd.names import printable

SLICE_S = 0.001
_log = logging.getLogger(__name__)

Serve = Callable[[Message], "asyncio.Task[bytes] | None"]
"""Serves a call at once, or answers with the task that does."""


class CallServer:
    """Takes the calls of a connection and serves them fairly (fair.py)."""

    def __init__(self, connection: Connection, serve: Serve) -> None:
        self._connection = connection
        self._serve = serve
        self._queue = FairQueue()
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.Handle | None = None
        self._complaints = Complaints(_log)
        connection.on_call = self._put
        connection.on_drained = self._wake

    def _put(self, call: Message) -> None:
        if self._queue.put(call, time.monotonic()):
            self._wake()
            return
        self._complaints.say("flood", "%s calls faster than it is served", printable(call.sender))
        self._connection.reply_error(call, names.LIMITS_EXCEEDED, "too many calls at once")

    def _wake(self) -> None:
        """Serve in the next turn of the loop, whatever was planned before."""
        if isinstance(self._next, asyncio.TimerHandle):
            self._next.cancel()
            self._next = None
        if self._next is None:
            self._next = self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._next = None
        if self._connection.disconnected.is_set():
            self._queue.clear()
            return
        if self._serve_slice():
            self._plan()

    def _serve_slice(self) -> bool:
        """Serve for one slice; False when the bus must first take what was answered (on_drained)."""
        now_s = time.monotonic()
        end_s = now_s + SLICE_S
        while now_s < end_s and not self._connection.congested:
            call = self._queue.take(now_s)
            if call is None:
                break
            self._start(call)
            started_s, now_s = now_s, time.monotonic()
            self._queue.charge(call.sender, now_s - started_s, now_s)
        return not self._connection.congested

    def _start(self, call: Message) -> None:
        task = self._serve(call)
        if task is not None:
            self._queue.hold(call.sender)
            task.add_done_callback(lambda _: self._ended(call.sender))

    def _ended(self, sender: str) -> None:
        self._queue.release(sender)
        self._wake()

    def _plan(self) -> None:
        delay_s = self._queue.delay_s(time.monotonic())
        if delay_s is None or self._next is not None:
            return
        if delay_s == 0:
            self._next = self._loop.call_soon(self._turn)
        else:
            self._next = self._loop.call_later(delay_s, self._turn)
