"""Requests to the agent: many in flight, each with a deadline, all failed at once when the line breaks."""

import itertools
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import BinaryIO

from tests.support.agent import wire

_DEAF_S = 60.0
"""How long the guest may leave unread what was sent to it before it counts as hung."""


class GuestError(Exception):
    """The guest refused a request; the message is the guest's own exception."""


class MachineLost(Exception):
    """The guest does not answer any more: it ended, panicked or hangs; the message has the console's end."""


class GuestRestarted(Exception):
    """The guest went down before it could answer, and is up again: its agent listens anew."""


class Channel:
    """The host's end of the serial line; ``last_words`` gives what the console showed."""

    def __init__(self, line: socket.socket, last_words: Callable[[], str]) -> None:
        self._line = line
        self._credit = threading.Semaphore(wire.WINDOW)
        self._last_words = last_words
        self._ids = itertools.count(wire.READY_ID + 1)
        self._pending: dict[int, Future[object]] = {wire.READY_ID: Future()}
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._lost = ""
        self._reader = threading.Thread(target=self._read, args=(line.makefile("rb"),), name="agent")
        self.ready = self._pending[wire.READY_ID]
        """Resolves to the kernel release when the agent listens."""
        self._reader.start()

    def submit(self, call: str, **arguments: object) -> Future[object]:
        """Send a request; the future fails with GuestError or MachineLost."""
        future: Future[object] = Future()
        with self._lock:
            self._refuse_if_lost()
            number = next(self._ids)
            self._pending[number] = future
        self._send(wire.pack({"id": number, "call": call, "arguments": arguments}))
        return future

    def result(self, future: Future[object], timeout_s: float) -> object:
        """What a request came to; after ``timeout_s`` the whole guest is given up."""
        try:
            return future.result(timeout_s)
        except FutureTimeout:
            self._fail_all(f"the guest did not answer within {timeout_s:.0f} s")
            return future.result()

    def hang_up(self) -> None:
        """End of requests; the agent ends, and with it the machine."""
        with self._sending, suppress(OSError):
            self._line.shutdown(socket.SHUT_WR)

    def join(self) -> None:
        """Wait for the reader, which ends with the kernel that holds the other end."""
        self._reader.join()

    def _refuse_if_lost(self) -> None:
        if self._lost:
            raise self._machine_lost()

    def _send(self, line: bytes) -> None:
        """Send frame by frame, as fast as the agent takes them."""
        with self._sending:
            for frame in wire.frames(line):
                if not self._credit.acquire(timeout=_DEAF_S):
                    self._fail_all(f"the guest has read nothing for {_DEAF_S:.0f} s")
                self._refuse_if_lost()
                self._line.sendall(frame)

    def _read(self, stream: BinaryIO) -> None:
        with stream, suppress(ConnectionResetError):
            for line in stream:
                if line == wire.ACKNOWLEDGEMENT:
                    self._credit.release()
                else:
                    self._resolve(wire.unpack(line))
        self._fail_all("the guest ended")

    def _resolve(self, answer: dict[str, object]) -> None:
        number = int(str(answer["id"]))
        with self._lock:
            future = self._pending.pop(number, None)
        if future is None:
            if number == wire.READY_ID:
                self._begin_anew()
            return  # given up meanwhile
        if "error" in answer:
            future.set_exception(GuestError(str(answer["error"])))
        else:
            future.set_result(answer["result"])

    def _begin_anew(self) -> None:
        """Nobody knows any more of what was asked for before."""
        with self._lock:
            pending = list(self._pending.values())
            self._pending.clear()
            self._credit = threading.Semaphore(wire.WINDOW)
        for future in pending:
            future.set_exception(GuestRestarted())

    def _fail_all(self, reason: str) -> None:
        with self._lock:
            self._lost = self._lost or reason
            pending = list(self._pending.values())
            self._pending.clear()
        self._credit.release()  # whoever is sending finds out
        for future in pending:
            future.set_exception(self._machine_lost())

    def _machine_lost(self) -> MachineLost:
        """With the first reason; what comes later follows from it."""
        return MachineLost(f"{self._lost}; its console:\n{self._last_words()}")
