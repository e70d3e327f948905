"""A connection to the bus: calls out with an end in sight, calls in for one handler, the end as an event."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from itertools import count
from typing import Any

from kmodd.bus import names, outgoing
from kmodd.bus.complaints import Complaints
from kmodd.bus.decode import Frame, decode_body, decode_message
from kmodd.bus.encode import encode
from kmodd.bus.message import CALL, ERROR, RETURN, Message, WireError
from kmodd.bus.opening import open_socket
from kmodd.bus.transport import Transport
from kmodd.errors import ErrorKind, KmoddError, kind_of_bus_name
from kmodd.named_tuple import NamedTuple
from kmodd.names import printable

CONNECT_TIMEOUT_S = 10.0
CALL_TIMEOUT_S = 25.0
_DO_NOT_QUEUE = 4
_PRIMARY_OWNER, _ALREADY_OWNER = 1, 4
# A system bus ends a connection that sends a message over 32 MiB (dbus-daemon(1), max_message_size).
_MAX_SENT_BYTES = 16 * 1024 * 1024
_log = logging.getLogger(__name__)


class RemoteError(KmoddError):
    """Raised by a call that was answered with an error; ``name`` is its D-Bus name."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(kind_of_bus_name(name), text or name)
        self.name = name


class _Pending(NamedTuple):
    destination: str
    future: asyncio.Future[Message]


async def connect(address: str, *, timeout_s: float = CONNECT_TIMEOUT_S) -> Connection:
    """Connect, authenticate and say Hello; raises NO_BUS."""
    try:
        async with asyncio.timeout(timeout_s):
            connection = Connection(await open_socket(address))
            try:
                connection.unique_name = (await connection.call_bus("Hello"))[0]
            except BaseException:
                await connection.close()
                raise
    except TimeoutError:
        raise KmoddError(ErrorKind.NO_BUS, f"the bus at {address} does not answer", "") from None
    return connection


class Connection:
    """Made by connect(); belongs to one running loop. After ``disconnected`` nothing more is sent."""

    def __init__(self, sock: Any) -> None:
        self.unique_name = ""
        self.disconnected = asyncio.Event()
        self.lost_reason = ""
        self.on_call: Callable[[Message], None] = self._refuse_object
        self.on_drained: Callable[[], None] = _nothing
        self._pending: dict[int, _Pending] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._serials = count(1)
        self._announces = False
        self._complaints = Complaints(_log)
        self._transport = Transport(
            sock, on_frame=self._received, on_drained=self._drained, on_lost=self._lost
        )

    # ------------------------------------------------------------------------------------ out

    @property
    def congested(self) -> bool:
        """Whether answers pile up here; calls wait until on_drained."""
        return self._transport.congested

    async def call(
        self,
        target: tuple[str, str, str, str],
        signature: str = "",
        arguments: Sequence[Any] = (),
        *,
        timeout_s: float = CALL_TIMEOUT_S,
        flags: int = 0,
    ) -> tuple[Any, ...]:
        """Call ``target`` (destination, path, interface, member) and return the values of the answer.

        Raises RemoteError for an error, NO_BUS at disconnect or after ``timeout_s``.
        """
        if self.disconnected.is_set():
            raise KmoddError(ErrorKind.NO_BUS, self.lost_reason)
        serial = self._serial()
        data = outgoing.method_call(serial, target, signature, encode(signature, arguments), flags)
        future = self._expect(serial, target[0])
        try:
            self._transport.send(data)
            async with asyncio.timeout(timeout_s):
                return _values(await future)
        except TimeoutError:
            raise KmoddError(ErrorKind.NO_BUS, f"{target[0]} does not answer {target[3]}") from None
        finally:
            self._pending.pop(serial, None)

    def _expect(self, serial: int, destination: str) -> asyncio.Future[Message]:
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._pending[serial] = _Pending(destination, future)
        return future

    async def call_bus(self, member: str, signature: str = "", arguments: Sequence[Any] = ()) -> Any:
        """Call the bus itself (D-Bus specification, Message Bus Messages)."""
        return await self.call((names.BUS, names.BUS_PATH, names.BUS, member), signature, arguments)

    async def request_name(self, name: str) -> None:
        """Own ``name`` or raise: ALREADY_RUNNING when somebody else does, NOT_PERMITTED by policy.

        Signals go out from here on: before, nobody can have been listening.
        """
        self._announces = True
        try:
            (answer,) = await self.call_bus("RequestName", "su", (name, _DO_NOT_QUEUE))
        except RemoteError as error:
            if error.name != names.ACCESS_DENIED:
                raise
            raise KmoddError(
                ErrorKind.NOT_PERMITTED,
                f"the policy of the bus does not let us own {name}",
                f"only root may, and {name}.conf must be among the bus's policy files",
            ) from error
        if answer not in (_PRIMARY_OWNER, _ALREADY_OWNER):
            raise KmoddError(ErrorKind.ALREADY_RUNNING, f"somebody else owns {name} on the bus")

    def notify(self, target: tuple[str, str, str, str], signature: str, arguments: Sequence[Any]) -> None:
        """Call ``target`` without waiting for an answer; what comes back is passed over."""
        body = encode(signature, arguments)
        self._transport.send(outgoing.method_call(self._serial(), target, signature, body))

    def reply(self, call: Message, signature: str, body: bytes) -> None:
        """Answer ``call``, unless its sender does not read answers."""
        if not call.wants_reply:
            return
        if len(body) > _MAX_SENT_BYTES:
            self.reply_error(call, names.LIMITS_EXCEEDED, "the answer is too long for the bus")
            return
        self._transport.send(outgoing.method_return(self._serial(), call, signature, body))

    def reply_error(self, call: Message, name: str, text: str) -> None:
        """Answer ``call`` with an error, unless its sender does not read answers."""
        if call.wants_reply:
            readable = "\n".join(map(printable, text.splitlines()))
            self._transport.send(outgoing.error(self._serial(), call, name, readable))

    def emit(self, path: str, interface: str, member: str, signature: str, body: bytes) -> None:
        """Send a signal, if a name is owned."""
        if not self._announces:
            return
        if len(body) > _MAX_SENT_BYTES:
            self._complaints.say("long signal", "%s of %s is too long for the bus", member, path)
            return
        self._transport.send(outgoing.signal(self._serial(), path, interface, member, signature, body))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that ends with the connection at the latest."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End the connection and every task of it; again is nothing."""
        self._transport.close()
        self._lost("we closed the connection")
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _serial(self) -> int:
        return (next(self._serials) - 1) % 0xFFFFFFFF + 1

    # ------------------------------------------------------------------------------------- in

    def _received(self, frame: Frame) -> None:
        try:
            message = decode_message(frame.data)
        except WireError as error:
            self._complaints.say("malformed", "a message was passed over: %s", error)
            return
        if message.kind == CALL:
            self._called(message, cut=frame.cut)
        elif message.kind in (RETURN, ERROR):
            self._answered(message, cut=frame.cut)

    def _called(self, call: Message, *, cut: bool) -> None:
        if cut:
            self._complaints.say("oversized", "a call of %s was refused: too long", call.sender)
            self.reply_error(call, names.LIMITS_EXCEEDED, "the arguments are too long")
        else:
            self.on_call(call)

    def _answered(self, answer: Message, *, cut: bool) -> None:
        pending = self._pending.get(answer.reply_serial)
        if pending is None or pending.future.done() or not _may_answer(answer.sender, pending.destination):
            return
        if cut:
            error = RemoteError(names.LIMITS_EXCEEDED, f"the answer of {pending.destination} is too long")
            pending.future.set_exception(error)
        else:
            pending.future.set_result(answer)

    def _refuse_object(self, call: Message) -> None:
        self.reply_error(call, names.UNKNOWN_OBJECT, "there are no objects here")

    def _drained(self) -> None:
        self.on_drained()

    def _lost(self, reason: str) -> None:
        if self.disconnected.is_set():
            return
        self.lost_reason = reason
        self.disconnected.set()
        for pending in self._pending.values():
            if not pending.future.done():
                pending.future.set_exception(KmoddError(ErrorKind.NO_BUS, reason))
        for task in self._tasks:
            task.cancel()


def _nothing() -> None:
    """What is done where nobody has asked to be told."""


def _may_answer(sender: str, destination: str) -> bool:
    """Whether ``sender`` can be who was called, as far as names show: a second guard behind the bus's own."""
    return sender == destination or not (destination == names.BUS or destination.startswith(":"))


def _values(answer: Message) -> tuple[Any, ...]:
    try:
        values = decode_body(answer)
    except WireError as error:
        raise KmoddError(ErrorKind.FAILED, f"an answer of {answer.sender} cannot be read: {error}") from error
    if answer.kind == ERROR:
        raise RemoteError(answer.error_name, printable(str(values[0])) if values else "")
    return values
