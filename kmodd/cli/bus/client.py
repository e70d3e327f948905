"""A blocking connection to the bus: it asks, waits, perhaps listens, and is gone.

The daemon's connection is for many things at once and needs asyncio, whose import alone takes longer than all
that is done here. The bytes are made and read by the same pieces of ``kmodd.bus``.
"""

from __future__ import annotations

import time

# Of the module socket nothing is needed but its enums of all constants, a tenth of kmoddctl status, are made.
from _socket import AF_UNIX, SOCK_STREAM, socket

from kmodd.bus import external, names, outgoing
from kmodd.bus.address import socket_names
from kmodd.bus.decode import Framer, decode_body, decode_message
from kmodd.bus.encode import encode
from kmodd.bus.message import ERROR, RETURN, SIGNAL, Message, WireError
from kmodd.errors import ErrorKind, KmoddError, kind_of_bus_name
from kmodd.named_tuple import NamedTuple
from kmodd.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from types import TracebackType
    from typing import Any, Self

    _Target = tuple[str, str, str, str]

NO_AUTO_START = 2
"""Message flag (D-Bus specification): asking must not start what changes the kernel."""
CONNECT_TIMEOUT_S = 10.0
CALL_TIMEOUT_S = 25.0
MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Of all objects with all properties there can be many."""

_READ_BYTES = 64 * 1024
_BUS_HINT = "is dbus running?"
_ERROR = "org.freedesktop.DBus.Error."
_NOT_RUNNING = frozenset(_ERROR + name for name in ("ServiceUnknown", "NameHasNoOwner"))


class Question(NamedTuple):
    """A call of ``target`` (destination, path, interface, member), and the signature of its answer."""

    target: _Target
    answer: str
    signature: str = ""
    arguments: Sequence[Any] = ()


_HELLO = Question((names.BUS, names.BUS_PATH, names.BUS, "Hello"), "s")


class Client:
    """One connection, one thing asked at a time; every way to fail is a KmoddError.

    What opens the connection is sent with the first question, because nothing of it has to be waited for. So
    the first call is the one that says if the bus refuses us.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._framer = Framer(MAX_ANSWER_BYTES)
        self._serial = 0
        self._is_open = False
        self._told: Callable[[Message], None] = _nobody_listens
        self._socket = _connected(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the bus."""
        self._socket.close()

    def call(
        self,
        target: _Target,
        signature: str = "",
        arguments: Sequence[Any] = (),
        *,
        answer: str,
        flags: int = 0,
        timeout_s: float | None = CALL_TIMEOUT_S,
    ) -> tuple[Any, ...]:
        """Call ``target`` (destination, path, interface, member) and return the values of the answer.

        ``timeout_s`` None waits until the called one answers or leaves the bus. Raises the kind of the
        error that was answered, NOT_RUNNING without anybody to answer, BUSY after ``timeout_s``, NO_BUS, and
        INVALID_ARGUMENT for what cannot be sent.
        """
        (values,) = self._asked((Question(target, answer, signature, arguments),), flags, timeout_s)
        return values

    def ask(self, *questions: Question) -> list[tuple[Any, ...]]:
        """Call all of them at once, and return the values of each answer; raises as call()."""
        return self._asked(questions, 0, CALL_TIMEOUT_S)

    def _asked(
        self, questions: Sequence[Question], flags: int, timeout_s: float | None
    ) -> list[tuple[Any, ...]]:
        serials = range(self._serial + 1, self._serial + 1 + len(questions))
        data = b"".join(self._message(question, flags) for question in questions)
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        try:
            if self._is_open:
                self._limit(deadline_s)
                self._socket.sendall(data)
            else:
                self._open(data)
            replies = self._answers(serials, deadline_s)
        except TimeoutError:
            raise _late(questions[0].target, timeout_s) from None
        except (OSError, WireError) as error:
            raise _broken(error) from error
        return [_values(reply, question) for reply, question in zip(replies, questions, strict=True)]

    def _message(self, question: Question, flags: int = 0) -> bytes:
        self._serial += 1
        body = _encoded(question.signature, question.arguments)
        return outgoing.method_call(
            self._serial, question.target, question.signature, body, flags | NO_AUTO_START
        )

    def _open(self, more: bytes) -> None:
        """Send all that opens the connection with ``more`` behind it, and read what answers the former.

        Raises NO_BUS, BUSY and FAILED.
        """
        hello = self._message(_HELLO)
        serial = self._serial
        deadline_s = time.monotonic() + CONNECT_TIMEOUT_S
        try:
            self._limit(deadline_s)
            self._socket.sendall(external.first_line() + external.BEGIN + hello + more)
            self._framer.feed(self._authenticated(deadline_s))
        except (OSError, WireError) as error:
            raise _unreachable(self._address, error) from error
        try:
            (reply,) = self._answers((serial,), deadline_s)
        except TimeoutError:
            raise _late(_HELLO.target, CONNECT_TIMEOUT_S) from None
        _values(reply, _HELLO)
        self._is_open = True

    def _authenticated(self, deadline_s: float) -> bytes:
        """What follows the bus's line of EXTERNAL; raises OSError and WireError."""
        data = b""
        while b"\r\n" not in data:
            self._limit(deadline_s)
            more = self._socket.recv(_READ_BYTES)
            data += more
            if not more or len(data) > _READ_BYTES:
                raise WireError("it ended the authentication")
        line, _, rest = data.partition(b"\r\n")
        external.next_line(line)
        return rest

    def listen(self, rules: Sequence[str], told: Callable[[Message], None]) -> None:
        """Have ``told`` called with each signal that comes from now on, while a call or wait() lasts.

        ``rules`` as AddMatch has them. Whoever is on the bus can send us a signal: ``told`` has to look at
        its sender.
        """
        self._told = told
        for rule in rules:
            self.call((names.BUS, names.BUS_PATH, names.BUS, "AddMatch"), "s", (rule,), answer="")

    def wait(self) -> None:
        """Return when something has come, which was told. Raises NO_BUS."""
        try:
            self._limit(None)
            self._next(None)
        except (OSError, WireError) as error:
            raise _broken(error) from error

    def _limit(self, deadline_s: float | None) -> None:
        """Let the next step take no longer than is left; raises TimeoutError when nothing is."""
        if deadline_s is None:
            self._socket.settimeout(None)
            return
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._socket.settimeout(left_s)

    def _answers(self, serials: Collection[int], deadline_s: float | None) -> list[Message]:
        """The answers to these calls of ours; signals are told, whatever else comes is passed over."""
        found: dict[int, Message] = {}
        while len(found) < len(serials):
            message, cut = self._next(deadline_s)
            if message.kind in (RETURN, ERROR) and message.reply_serial in serials:
                if cut:
                    raise WireError("an answer is too long")
                found[message.reply_serial] = message
        return [found[serial] for serial in serials]

    def _next(self, deadline_s: float | None) -> tuple[Message, bool]:
        """The next message, a signal already told, and whether its body was left out for its length."""
        while (frame := self._framer.next()) is None:
            self._limit(deadline_s)
            data = self._socket.recv(_READ_BYTES)
            if not data:
                raise _no_bus("the bus closed the connection")
            self._framer.feed(data)
        message = decode_message(frame.data)
        if message.kind == SIGNAL and not frame.cut:
            self._told(message)
        return message, frame.cut


def _encoded(signature: str, arguments: Sequence[Any]) -> bytes:
    try:
        return bytes(encode(signature, arguments))
    except WireError as error:
        raise KmoddError(ErrorKind.INVALID_ARGUMENT, f"an argument cannot be sent: {error}") from error


def _nobody_listens(_message: Message) -> None:
    """For a connection that only asks."""


def _broken(error: OSError | WireError) -> KmoddError:
    """What goes wrong with a connection, as an error with a sentence."""
    if isinstance(error, OSError):
        return _no_bus(f"the connection to the bus broke: {error.strerror}")
    return KmoddError(ErrorKind.FAILED, f"the bus sent what cannot be read: {error}")


def _connected(address: str) -> socket:
    """A connected socket, on which nothing was said; raises NO_BUS."""
    problem: OSError | None = None
    for name in socket_names(address):
        sock = socket(AF_UNIX, SOCK_STREAM)
        try:
            sock.settimeout(CONNECT_TIMEOUT_S)
            sock.connect(name)
            return sock
        except OSError as error:
            sock.close()
            problem = error
    raise _unreachable(address, problem or OSError())


def _unreachable(address: str, problem: OSError | WireError) -> KmoddError:
    why = str(problem) if isinstance(problem, WireError) else problem.strerror or "it does not answer"
    return _no_bus(f"the bus at {printable(address)} cannot be reached: {why}")


def _values(reply: Message, question: Question) -> tuple[Any, ...]:
    if reply.kind == ERROR:
        raise _remote_error(reply)
    member = question.target[3]
    if reply.signature != question.answer:
        raise KmoddError(
            ErrorKind.FAILED,
            f"{member} was answered with {reply.signature!r} where {question.answer!r} is expected",
            "are kmodd and kmoddctl of one version?",
        )
    try:
        return decode_body(reply)
    except WireError as error:
        raise KmoddError(ErrorKind.FAILED, f"the answer to {member} cannot be read: {error}") from error


def _remote_error(reply: Message) -> KmoddError:
    """The error that was answered, as a kind and a text of printable lines."""
    name = reply.error_name
    if name in _NOT_RUNNING:
        return KmoddError(ErrorKind.NOT_RUNNING, "kmodd is not running", "systemctl start kmodd starts it")
    if name == f"{_ERROR}NoReply":
        hint = "journalctl -u kmodd says why"
        return KmoddError(ErrorKind.NOT_RUNNING, "kmodd ended before it had answered", hint)
    text = _text(reply) or name
    if name == names.ACCESS_DENIED:
        return KmoddError(ErrorKind.NOT_AUTHORIZED, f"the policy of the bus forbids it: {text}")
    return KmoddError(kind_of_bus_name(name), text)


def _text(reply: Message) -> str:
    """What an error says (D-Bus specification: its first argument, if that is a string)."""
    if not reply.signature.startswith("s"):
        return ""
    try:
        text = str(decode_body(reply)[0])
    except WireError:
        return ""
    return "\n".join(map(printable, text.splitlines()))


def _late(target: _Target, timeout_s: float | None) -> KmoddError:
    who = "the bus" if target[0] == names.BUS else "kmodd"
    hint = "" if target[0] == names.BUS else "systemctl status kmodd shows how it is"
    return KmoddError(ErrorKind.BUSY, f"{who} has not answered within {timeout_s:.0f} s", hint)


def _no_bus(text: str) -> KmoddError:
    return KmoddError(ErrorKind.NO_BUS, text, _BUS_HINT)
