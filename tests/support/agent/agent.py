"""The agent: reads requests from the host's line, answers each from a thread of its own.

A guest may be any that has Python: the machine that this repository's init builds, or a whole Debian, where
the agent is a service (tests/support/images).
"""

import os
import threading
import time
import tty
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from tests.support.agent import files, processes, terminal, waiting, wire
from tests.support.agent.baseline import Baseline
from tests.support.agent.notify import Notifications
from tests.support.agent.requests import Requests
from tests.support.agent.uevents import ModuleEvents

_Call = Callable[..., object]


def _calls() -> Mapping[str, _Call]:
    """Everything the host can ask for, by name; arguments are passed by name."""
    notifications = Notifications()
    children = processes.Processes(notifications)
    baseline = Baseline()
    requests = Requests()
    events = ModuleEvents()
    return {
        "run": children.run,
        "spawn": children.spawn,
        "wait": children.wait,
        "wait_for_notification": children.wait_for_notification,
        "notifications": notifications.notifications,
        "send_signal": processes.send_signal,
        "list_processes": processes.list_processes,
        "read_file": files.read_file,
        "write_file": files.write_file,
        "remove": files.remove,
        "make_link": files.make_link,
        "list_directory": files.list_directory,
        "wait_for_file": waiting.wait_for_file,
        "wait_for_path": waiting.wait_for_path,
        "wait_for_command": waiting.wait_for_command,
        "signal_when_seen": waiting.signal_when_seen,
        "events": events.events,
        "signal_at_event": events.signal_at_event,
        "hold_requests": requests.hold,
        "release_requests": requests.release,
        "mark": baseline.mark,
        "reset": baseline.reset,
        "unload": baseline.unload,
        "resize": terminal.resize,
        "clock_s": time.monotonic,
    }


class _Line:
    """A serial line or a virtio port; answers of several threads do not mix."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self._lock = threading.Lock()
        if os.isatty(self._fd):  # a virtio port is none
            tty.setraw(self._fd)

    def requests(self) -> Iterator[dict[str, object]]:
        """What the host asks, until it hangs up."""
        return map(wire.unpack, wire.lines(self._frames()))

    def send(self, message: Mapping[str, object]) -> None:
        """Answer."""
        self._write(wire.pack(message))

    def _frames(self) -> Iterator[bytes]:
        with open(self._fd, "rb", closefd=False) as stream:
            for frame in stream:
                self._write(wire.ACKNOWLEDGEMENT)
                yield frame

    def _write(self, rest: bytes) -> None:
        with self._lock:
            while rest:
                rest = rest[os.write(self._fd, rest) :]


def serve(path: str) -> None:
    """Answer until the other end hangs up."""
    line = _Line(path)
    calls = _calls()
    line.send({"id": wire.READY_ID, "result": os.uname().release})
    for request in line.requests():
        threading.Thread(target=_answer, args=(line, calls, request), daemon=True).start()


def _answer(line: _Line, calls: Mapping[str, _Call], request: Mapping[str, object]) -> None:
    """Carry out one request; an error of the system is an answer, any other is a bug: no answer comes."""
    arguments = cast("dict[str, object]", request["arguments"])
    try:
        line.send({"id": request["id"], "result": calls[str(request["call"])](**arguments)})
    except (OSError, KeyError) as error:
        line.send({"id": request["id"], "error": f"{type(error).__name__}: {error}"})
