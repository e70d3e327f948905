"""Signals as callbacks of the event loop.

The loop's own ``add_signal_handler`` asks inspect whether it was given a coroutine function. To import that,
with ast, dis and tokenize, is a twentieth of the time until the daemon is ready.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Mapping
from types import FrameType

_MOST_BYTES = 4096


class Signals:
    """Calls back for signals, in the loop that runs now, until it is closed; for the main thread."""

    def __init__(self, callbacks: Mapping[int, Callable[[], object]]) -> None:
        self._callbacks = callbacks
        self._loop = asyncio.get_running_loop()
        # The interpreter writes the number of each signal into one end (signal.set_wakeup_fd).
        self._hearing, self._told = socket.socketpair()
        for end in (self._hearing, self._told):
            end.setblocking(False)
        self._before = signal.set_wakeup_fd(self._told.fileno(), warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, _nothing) for number in callbacks}
        for number in callbacks:
            signal.siginterrupt(number, False)
        self._loop.add_reader(self._hearing, self._hear)

    def close(self) -> None:
        """What was done about these signals before is done again."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before)
        self._loop.remove_reader(self._hearing)
        self._hearing.close()
        self._told.close()

    def _hear(self) -> None:
        for number in self._hearing.recv(_MOST_BYTES):
            callback = self._callbacks.get(number)
            if callback is not None:
                callback()


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """A handler has to be there for the number to be written."""
