"""One running loader, seen from the daemon: its process, its socket, and the requests under way."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.roots import Roots
from kmodd.kernel.wire import (
    LAST,
    LOST,
    PACKET_LIMIT,
    Answer,
    LostRow,
    Places,
    encode_places,
    encode_request,
)
from kmodd.named_tuple import NamedTuple

_LOADER_FD: Final = 3
_BATCH: Final = 64  # packets read in one turn of the loop
_ENTRY: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "loader_main.py")
# KMOD_LOG=0 keeps libkmod from writing to stderr; nothing else of the daemon's environment goes on.
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "KMOD_LOG": "0"}


class _Exchange(NamedTuple):
    """A request under way and the slices of its answer so far."""

    answer: asyncio.Future[Answer]
    slices: list[bytes]


class LoaderProcess:
    """A loader that runs, until ``alive`` is false; callbacks only, no task to own."""

    def __init__(self, roots: Roots, kmsg_files: Sequence[int] = ()) -> None:
        """Start a loader, in the running loop. Raises LOADER_LOST.

        ``kmsg_files`` are passed on, so their numbers have to be above those that it gives them.
        """
        self._loop = asyncio.get_running_loop()
        self._exchanges: dict[int, _Exchange] = {}
        self._outbox: deque[bytes] = deque()
        self._next_number = 0
        self._ended = self._loop.create_future()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._socket.setblocking(False)
            self.pid = _spawn(theirs, _places(roots, kmsg_files), kmsg_files, self._socket)
        self._pidfd = os.pidfd_open(self.pid)
        self._loop.add_reader(self._pidfd, self._reap)
        self._loop.add_reader(self._socket, self._receive)

    @property
    def alive(self) -> bool:
        """Whether it can take requests."""
        return not self._ended.done()

    async def ask(self, verb: bytes, body: dict[str, Any]) -> Answer:
        """Send a request and wait for its answer for as long as it takes. Raises OSError: E2BIG."""
        number = self._next_number
        self._next_number += 1
        packet = encode_request(number, verb, body)
        if len(packet) > PACKET_LIMIT:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
        exchange = self._exchanges[number] = _Exchange(self._loop.create_future(), [])
        try:
            self._outbox.append(packet)
            self._send()
            return await exchange.answer
        finally:
            del self._exchanges[number]

    @property
    def busy(self) -> bool:
        """Whether it has been asked for something that it has not answered."""
        return bool(self._exchanges)

    def tell(self, verb: bytes, body: dict[str, Any]) -> None:
        """Send a request that has no answer; one that fits into a packet."""
        self._outbox.append(encode_request(self._next_number, verb, body))
        self._next_number += 1
        self._send()

    def end(self) -> None:
        """End the server; there is nothing in it that could be lost, so no need to be gentle."""
        if self.alive:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def close(self) -> None:
        """End it, and wait until it is reaped."""
        self.end()
        await asyncio.shield(self._ended)

    def _send(self) -> None:
        """Send what waits; called again by the loop when there is room."""
        try:
            while self._outbox:
                self._socket.send(self._outbox[0])
                self._outbox.popleft()
        except BlockingIOError:
            self._loop.add_writer(self._socket, self._send)
            return
        except OSError:
            self._outbox.clear()  # it has ended; _reap() tells everybody
        self._loop.remove_writer(self._socket)

    def _receive(self) -> None:
        """Take a batch of packets, so that other work of the loop gets its turn."""
        for _ in range(_BATCH):
            if not self._take_next():
                return

    def _take_next(self) -> bool:
        """Take one packet; false if there is none now, or never again."""
        try:
            packet = self._socket.recv(PACKET_LIMIT)
        except BlockingIOError:
            return False
        except OSError:
            packet = b""
        if packet:
            self._take(packet)
        else:
            self._loop.remove_reader(self._socket)
        return bool(packet)

    def _take(self, packet: bytes) -> None:
        """Add a slice to its answer; answers that nobody waits for any more are dropped."""
        number, mark, content = packet.split(b" ", 2)
        exchange = self._exchanges.get(int(number))
        if exchange is None or exchange.answer.done():
            return
        if mark == LOST:
            exchange.answer.set_result(_lost(json.loads(content), died=True))
            return
        exchange.slices.append(content)
        if mark == LAST:
            exchange.answer.set_result(json.loads(b"".join(exchange.slices)))

    def _reap(self) -> None:
        """The server has ended: take what was said, tell all who wait, and let go of everything.

        A child may live on with its end of the socket, so the socket alone does not show this.
        """
        self._loop.remove_reader(self._pidfd)
        os.waitpid(self.pid, 0)
        os.close(self._pidfd)
        while self._take_next():
            pass
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        for exchange in self._exchanges.values():
            if not exchange.answer.done():
                exchange.answer.set_result(_lost([], died=False))
        self._ended.set_result(None)


def _lost(messages: list[str], *, died: bool) -> Answer:
    return Answer(lost=LostRow(died=died, messages=messages))


def _places(roots: Roots, kmsg_files: Sequence[int]) -> Places:
    return Places(
        roots.sys,
        roots.proc,
        roots.kmsg,
        len(kmsg_files),
        module_tree=roots.module_tree,
        modprobe_dirs=roots.modprobe_dirs,
    )


def _spawn(theirs: socket.socket, places: Places, kmsg_files: Sequence[int], ours: socket.socket) -> int:
    """Start the program with ``theirs`` as descriptor 3, then the files; closes ``ours`` if that fails."""
    arguments = [sys.executable, "-I", "-S", _ENTRY, str(_LOADER_FD)]
    encoded = encode_places(places)
    targets = range(_LOADER_FD + 1, _LOADER_FD + 1 + len(kmsg_files))
    try:
        return os.posix_spawn(
            sys.executable,
            [*arguments, encoded] if encoded else arguments,
            _ENVIRONMENT,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_DUP2, theirs.fileno(), _LOADER_FD),
                *((os.POSIX_SPAWN_DUP2, *pair) for pair in zip(kmsg_files, targets, strict=True)),
            ],
        )
    except OSError as error:
        ours.close()
        raise KmoddError(
            ErrorKind.LOADER_LOST, f"the loader cannot be started: {os.strerror(error.errno or 0)}"
        ) from error
