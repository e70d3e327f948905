"""What the kernel itself tells of modules: its uevents, in order, with the time of arrival."""

import os
import select
import socket
import threading
import time
from contextlib import suppress

NETLINK_KOBJECT_UEVENT = 15
_KERNEL_GROUP = 1
_SO_RCVBUFFORCE = 33
_BUFFER_BYTES = 32 << 20


class ModuleEvents:
    """Records every module uevent that is not asked for by `udevadm trigger` (lib/kobject_uevent.c)."""

    def __init__(self) -> None:
        self._events: list[dict[str, object]] = []
        self._traps: dict[tuple[str, str], tuple[int, int]] = {}
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        self._socket.bind((0, _KERNEL_GROUP))
        self._reading = threading.Lock()
        threading.Thread(target=self._record, name="uevents", daemon=True).start()

    def events(self, since: int) -> list[dict[str, object]]:
        """Events so far from number ``since`` on: action, module, time_s (CLOCK_MONOTONIC)."""
        self._read()  # what has happened is in the socket, whether the thread has had its turn or not
        return self._events[since:]

    def signal_at_event(self, action: str, module: str, pid: int, number: int) -> None:
        """Send a signal as soon as the next such event comes."""
        self._traps[action, module] = (pid, number)

    def _record(self) -> None:
        while True:
            select.select([self._socket], [], [])
            self._read()

    def _read(self) -> None:
        """All that is in the socket."""
        with self._reading, suppress(BlockingIOError):
            while True:
                self._take(self._socket.recv(1 << 16, socket.MSG_DONTWAIT).split(b"\0"))

    def _take(self, fields: list[bytes]) -> None:
        time_s = time.monotonic()
        values = dict(field.split(b"=", 1) for field in fields if b"=" in field)
        if values.get(b"SUBSYSTEM") == b"module" and b"SYNTH_UUID" not in values:
            action, module = values[b"ACTION"].decode(), values[b"DEVPATH"].decode().rsplit("/", 1)[1]
            self._spring(action, module)
            self._events.append({"action": action, "module": module, "time_s": time_s})

    def _spring(self, action: str, module: str) -> None:
        trap = self._traps.pop((action, module), None)
        if trap is not None:
            with suppress(ProcessLookupError):  # it has ended by itself
                os.kill(*trap)
