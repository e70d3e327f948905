"""Bytes of the bus: a stream, messages, and calls up to what is answered."""

import asyncio
import re
import socket
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from kmodd.bus import names, outgoing
from kmodd.bus.connection import Connection
from kmodd.bus.decode import Frame, Framer, decode_body, decode_message
from kmodd.bus.dispatch import Dispatcher
from kmodd.bus.encode import encode
from kmodd.bus.interfaces import MANAGER, MODULE, Bound
from kmodd.bus.listing import Listing
from kmodd.bus.message import CALL, ERROR, RETURN, Message, WireError
from kmodd.bus.signature import split_signature
from kmodd.bus.tree import Binding, Tree
from kmodd.bus.values import decode_values
from kmodd.cli.bus import manager as tool
from kmodd.cli.bus.follow import Event, Follower
from kmodd.cli.look import module as tool_module
from kmodd.cli.look.advice import idleness, what_to_do
from kmodd.cli.look.overview import _dashboard
from kmodd.cli.look.watch import line
from kmodd.cli.terminal.render import Style
from kmodd.errors import BUS_PREFIX
from kmodd.names import ModuleName
from kmodd.shown import ModuleStatus
from tests.bus.manager import FakeManager, status
from tests.fuzz import promises

_PIECES = (1, 3, 7, 16, 100)
_LOOP = ModuleName("loop")
_LONGEST = 255
_BASIC = "ybnqiuxtdhsog"
_ERROR_NAME = re.compile(rf"{re.escape(BUS_PREFIX)}\w+|org\.freedesktop\.DBus\.Error\.\w+")
_INSIDE = "failed inside kmodd"


def stream(data: bytes) -> None:
    """The same messages in whatever pieces they come, the same end, and no more kept than has come."""
    whole = _frames(data, len(data) or 1)
    for size in _PIECES:
        assert _frames(data, size) == whole
    for frame in whole[0]:
        assert len(frame.data) <= len(data)
        with suppress(WireError):
            decode_message(frame.data)


def _frames(data: bytes, size: int) -> tuple[list[Frame], str, int]:
    framer, found = Framer(), []
    try:
        for at in range(0, len(data), size):
            framer.feed(data[at : at + size])
            while (frame := framer.next()) is not None:
                found.append(frame)
            assert len(framer._buffer) <= len(data)
    except WireError as error:
        return found, str(error), framer.dropped
    return found, "", framer.dropped


def message(data: bytes) -> None:
    """Not a message, or one that can be answered, whose values are the same when they are sent again."""
    for frame in _frames(data, len(data) or 1)[0]:
        found = promises.value_of(decode_message, frame.data, refusals=(WireError,))
        if found is None:
            continue
        answer = decode_message(outgoing.error(1, found, names.INVALID_ARGS, "no"))
        assert (answer.kind, answer.reply_serial, answer.destination) == (ERROR, found.serial, found.sender)
        values = promises.value_of(decode_body, found, refusals=(WireError,))
        if values is not None:
            _goes_on(found.signature, values)


def _goes_on(signature: str, values: tuple[Any, ...]) -> None:
    """What can be sent is what was received; repr() because a NaN is not itself."""
    try:
        body = encode(signature, values)
    except WireError:
        return
    again, end = decode_values(signature, body)
    assert end == len(body)
    assert repr(again) == repr(values)


def signature(data: bytes) -> None:
    """Taken apart where the specification takes it for a signature, and refused where it does not."""
    text = data.decode("latin-1")
    try:
        found = split_signature(text)
    except WireError:
        assert not _is_signature(text), text
        return
    assert "".join(found) == text
    assert _is_signature(text), text


def _is_signature(text: str) -> bool:
    """Valid Signatures of the D-Bus specification, without its limits of depth."""
    at = 0
    while 0 <= at < len(text) <= _LONGEST:
        at = _type_end(text, at)
    return at == len(text)


def _type_end(text: str, at: int) -> int:
    """Where the single complete type at ``at`` ends, -1 if there is none."""
    head = text[at : at + 1]
    if head and head in _BASIC + "v":
        return at + 1
    if head == "(":
        at += 1
        while text[at : at + 1] != ")":
            at = _type_end(text, at)
            if at < 0:
                return -1
        return -1 if text[at - 1] == "(" else at + 1
    if head != "a":
        return -1
    if text[at + 1 : at + 2] != "{":
        return _type_end(text, at + 1)
    key = text[at + 2 : at + 3]
    end = _type_end(text, at + 3) if key and key in _BASIC else -1
    return end + 1 if end >= 0 and text[end : end + 1] == "}" else -1


def call(data: bytes) -> None:
    """Every call is answered, with values of the member or an error from the table, never with a defect."""
    member, body = _MEMBERS[data[0] % len(_MEMBERS)] if data else _MEMBERS[0], data[1:]
    path, interface, name, kind = member
    call_ = Message(
        CALL, 0, 7, path, interface, name, "", 0, names.SERVICE, ":1.9", kind, little_endian=True, body=body
    )
    _SERVER.serve(call_)
    for frame in _frames(data, len(data) or 1)[0]:
        with suppress(WireError):
            found = decode_message(frame.data)
            if found.kind == CALL:
                _SERVER.serve(found._replace(flags=0))


class _Server:
    """The objects of a daemon on one end of a socket; the other end is the bus, which only listens."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        ours, self.theirs = socket.socketpair()
        self.theirs.setblocking(False)
        self.connection = self.loop.run_until_complete(self._connect(ours))
        tree = Tree()
        bound = Bound(FakeManager({_LOOP: status("loop")}), lambda: None, Listing())
        tree.bind(names.MANAGER_PATH, Binding(MANAGER, bound, frozen=False))
        tree.bind(names.module_path(_LOOP), Binding(MODULE, status("loop"), frozen=True))
        self.dispatcher = Dispatcher(self.connection, tree, Path("/nonexistent"))

    async def _connect(self, ours: socket.socket) -> Connection:
        return Connection(ours)

    def serve(self, call_: Message) -> None:
        """Serve one call to its answer; who would need polkit is told that there is none."""
        self.loop.run_until_complete(self._served(call_))
        answers = []
        with suppress(BlockingIOError):
            while True:
                answers.append(self.theirs.recv(1 << 20))
        for frame in _frames(b"".join(answers), 1 << 20)[0]:
            self._check(decode_message(frame.data))

    async def _served(self, call_: Message) -> None:
        task = self.dispatcher.serve(call_)
        while task is not None and not task.done():
            for pending in list(self.connection._pending.values()):
                if not pending.future.done():
                    error = Message(ERROR, error_name=f"{names.BUS}.Error.Failed", sender=names.BUS)
                    pending.future.set_result(error)
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    def _check(self, answer: Message) -> None:
        if answer.kind == CALL:
            return
        assert answer.kind in (RETURN, ERROR)
        values = decode_body(answer)
        if answer.kind == ERROR:
            assert _ERROR_NAME.fullmatch(answer.error_name), answer
            assert _INSIDE not in values[0], values
            promises.all_shown(values[0].split("\n"), 2000)


_MEMBERS = [
    (path, interface.name, method.name, method.input_signature)
    for path, interface in (
        (names.MANAGER_PATH, MANAGER),
        *((names.MANAGER_PATH, each) for each in (MODULE,)),
    )
    for method in interface.methods.values()
] + [
    (path, names.PROPERTIES, member, kind)
    for path in (names.MANAGER_PATH, names.module_path(_LOOP))
    for member, kind in (("Get", "ss"), ("GetAll", "s"), ("Set", "ssv"))
]


class _Lazy:
    """The server, made when it is first needed: a process that only reads a table starts nothing."""

    def __init__(self) -> None:
        self._server: _Server | None = None

    def serve(self, call_: Message) -> None:
        """As _Server.serve."""
        if self._server is None:
            self._server = _Server()
        self._server.serve(call_)

    def close(self) -> None:
        """Let go of loop and sockets."""
        if self._server is not None:
            self._server.loop.run_until_complete(self._server.connection.close())
            self._server.theirs.close()
            self._server.loop.close()
            self._server = None


_SERVER = _Lazy()
close = _SERVER.close


def answer(data: bytes) -> None:
    """Properties as a daemon of any kind may have them: lines for a terminal, and no trace of control."""
    values = promises.value_of(decode_values, "a{sv}", data, refusals=(WireError,))
    if values is None:
        return
    client = _Client(values[0][0])
    found = tool.Manager(client)  # type: ignore[arg-type]
    module: ModuleStatus = found.module(_LOOP)
    overview = found.overview()
    lines = chain(
        tool_module._lines(module, what_to_do(module.condition, _LOOP, idleness(overview)), Style(width=80)),
        _dashboard(overview, (), Style(width=20)),
        _told(found, values[0][0]),
    )
    promises.all_shown(lines, 20 * len(data) + 400)


def _told(manager: tool.Manager, properties: dict[str, Any]) -> list[str]:
    """What `kmoddctl watch` says when these properties of the manager and of a module have changed."""
    events: list[Event] = []
    follower = Follower(manager, events.append)
    follower._changed(names.MANAGER_PATH, names.MANAGER_INTERFACE, properties)
    follower._changed(names.module_path(_LOOP), names.MODULE_INTERFACE, properties)
    return [line(event, Style()) for event in events]


class _Client:
    """Answers everything with the same properties."""

    def __init__(self, properties: dict[str, Any]) -> None:
        self._properties = properties

    def call(self, _target: tuple[str, ...], *_given: Any, answer: str, **_rest: Any) -> tuple[Any, ...]:
        return (self._properties,) if answer == "a{sv}" else (names.module_path(_LOOP),)

    def ask(self, *questions: object) -> list[tuple[Any, ...]]:
        """Several at once."""
        return [(self._properties,) for _ in questions]
