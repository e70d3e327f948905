"""A socket to the bus that nothing kills but its end: own buffers both ways, fair to the rest of the loop."""

import asyncio
import socket
from collections.abc import Callable

from kmodd.bus.decode import Frame, Framer
from kmodd.bus.message import WireError

READ_BYTES = 64 * 1024
FRAMES_A_TURN = 64
MAX_BACKLOG_BYTES = 32 * 1024 * 1024
CONGESTED_BYTES = 1024 * 1024
WRITE_STALL_S = 30.0


class Transport:
    """Whole messages in and out of a connected, authenticated socket, which it owns from here on."""

    def __init__(
        self,
        sock: socket.socket,
        *,
        on_frame: Callable[[Frame], None],
        on_drained: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._on_frame, self._on_drained, self._on_lost = on_frame, on_drained, on_lost
        self._framer = Framer()
        self._out = bytearray()
        self._rest: asyncio.Handle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._closed = False
        sock.setblocking(False)
        self._loop.add_reader(sock, self._read)

    @property
    def congested(self) -> bool:
        """Whether the bus has not taken enough of what was sent; on_drained follows when it has."""
        return len(self._out) > CONGESTED_BYTES

    @property
    def dropped(self) -> int:
        """Messages passed over because of their size, without an answer."""
        return self._framer.dropped

    def send(self, data: bytes) -> None:
        """Send one message, now or when the socket takes it; after the end it goes nowhere."""
        if self._closed:
            return
        self._out += data
        if self._stall is None:
            self._write()
        if len(self._out) > MAX_BACKLOG_BYTES:
            self._lose_soon("the bus does not take our messages")

    def close(self) -> None:
        """End it, without on_lost; again is nothing."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        for handle in (self._rest, self._stall):
            if handle is not None:
                handle.cancel()
        self._socket.close()
        self._out.clear()

    def _lose(self, reason: str) -> None:
        if not self._closed:
            self.close()
            self._on_lost(reason)

    def _lose_soon(self, reason: str) -> None:
        """As _lose, but not from inside send(): its caller does not expect the connection to end under it."""
        self._out.clear()
        self._loop.call_soon(self._lose, reason)

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(f"the connection to the bus broke ({error.strerror})")
            return
        if not data:
            self._lose("the bus closed the connection")
            return
        self._framer.feed(data)
        self._deliver()

    def _deliver(self) -> None:
        """Hand on at most one batch of frames; while some are left nothing more is read."""
        for _ in range(FRAMES_A_TURN):
            try:
                frame = self._framer.next()
            except WireError as error:
                self._lose(f"the bus sent what is not D-Bus ({error})")
                return
            if frame is None:
                self._resume_reading()
                return
            self._on_frame(frame)
            if self._closed:
                return
        if self._rest is None:
            self._loop.remove_reader(self._socket)
        self._rest = self._loop.call_soon(self._deliver)

    def _resume_reading(self) -> None:
        if self._rest is not None:
            self._rest = None
            self._loop.add_reader(self._socket, self._read)

    def _write(self) -> None:
        """Send what the socket takes; EAGAIN means later (stock dbus-next ends the connection there)."""
        try:
            sent = self._socket.send(self._out)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._lose_soon(f"the connection to the bus broke ({error.strerror})")
            return
        was_congested = self.congested
        del self._out[:sent]
        self._watch_writing(progress=sent > 0)
        if was_congested and not self.congested:
            self._on_drained()

    def _watch_writing(self, *, progress: bool) -> None:
        """Be called when the socket takes more, as long as there is more; give up when it never does."""
        if self._stall is not None and (progress or not self._out):
            self._stall.cancel()
            self._stall = None
            if not self._out:
                self._loop.remove_writer(self._socket)
        if self._out and self._stall is None:
            self._loop.add_writer(self._socket, self._write)
            self._stall = self._loop.call_later(WRITE_STALL_S, self._lose, "the bus takes no messages")
