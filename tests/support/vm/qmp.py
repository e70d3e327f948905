"""QEMU's machine protocol (qemu-qmp-ref(7)) over one socket: commands, and what the machine tells."""

import itertools
import json
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from tests.support.guest.channel import MachineLost

_ANSWER_TIMEOUT_S = 60.0


class QmpError(Exception):
    """QEMU refused a command; the message is its own."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to the machine."""

    name: str
    data: Mapping[str, object]

    @property
    def deleted(self) -> object:
        """The id of a device that is gone for good, None for every other event."""
        return self.data.get("device") if self.name == "DEVICE_DELETED" else None


class Qmp:
    """The host's end of the protocol; ``last_words`` says why QEMU ended, where it did."""

    def __init__(self, line: socket.socket, last_words: Callable[[], str]) -> None:
        self._line = line
        self._last_words = last_words
        self._ids = itertools.count()
        self._answers: dict[int, Future[object]] = {}
        self._events: list[Event] = []
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(line.makefile("rb"),), name="qmp")
        self._reader.start()

    def execute(self, command: str, arguments: Mapping[str, object] | None = None) -> object:
        """What a command returns; raises QmpError, or MachineLost where QEMU ended."""
        answer: Future[object] = Future()
        with self._changed:
            self._refuse_if_ended()
            number = next(self._ids)
            self._answers[number] = answer
            message = {"execute": command, "arguments": arguments or {}, "id": number}
            self._line.sendall(json.dumps(message).encode() + b"\n")
        return answer.result(_ANSWER_TIMEOUT_S)

    def mark(self) -> int:
        """The number of the next event."""
        with self._changed:
            return len(self._events)

    def wait_for(self, since: int, timeout_s: float, is_it: Callable[[Event], bool]) -> Event:
        """The first such event from number ``since`` on; raises MachineLost when it does not come."""

        def found() -> Event | None:
            return next(filter(is_it, self._events[since:]), None)

        with self._changed:
            self._changed.wait_for(lambda: found() or self._ended, timeout_s)
            event = found()
            if event is None:
                self._refuse_if_ended()
                seen = [event.name for event in self._events[since:]]
                raise MachineLost(f"not within {timeout_s:.0f} s; QEMU told of {seen}\n{self._last_words()}")
            return event

    def join(self) -> None:
        """Wait for the reader, which ends with QEMU."""
        self._reader.join()

    def _refuse_if_ended(self) -> None:
        if self._ended:
            raise MachineLost(f"QEMU has ended:\n{self._last_words()}")

    def _read(self, stream: BinaryIO) -> None:
        with stream, suppress(ConnectionResetError):
            for line in stream:
                self._take(json.loads(line))
        with self._changed:
            self._ended = True
            for answer in self._answers.values():
                answer.set_exception(MachineLost(f"QEMU ended:\n{self._last_words()}"))
            self._answers.clear()
            self._changed.notify_all()

    def _take(self, message: Mapping[str, object]) -> None:
        """An event, an answer, or the greeting, in which there is no news."""
        match message:
            case {"event": str(name)}:
                data = message.get("data", {})
                with self._changed:
                    self._events.append(Event(name, data if isinstance(data, Mapping) else {}))
                    self._changed.notify_all()
            case {"return": result, "id": int(number)}:
                self._answer(number).set_result(result)
            case {"error": error, "id": int(number)}:
                self._answer(number).set_exception(QmpError(str(error)))

    def _answer(self, number: int) -> Future[object]:
        with self._changed:
            return self._answers.pop(number)
