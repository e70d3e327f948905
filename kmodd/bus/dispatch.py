"""A call finds its object, interface and member in the tables, is authorized, served and answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from pathlib import Path
from typing import Any

from kmodd.bus import names, standard
from kmodd.bus.auth import READ, Authorizer, action_of
from kmodd.bus.connection import Connection
from kmodd.bus.decode import decode_body
from kmodd.bus.edge import Failure, attempt, failure_of
from kmodd.bus.encode import encode
from kmodd.bus.message import CallError, Message, WireError
from kmodd.bus.standard import Place
from kmodd.bus.table import Encoded, Interface, Method
from kmodd.bus.tree import Node, Tree
from kmodd.named_tuple import NamedTuple


class _Found(NamedTuple):
    """The member that a call is for, and what its handler is given."""

    interface: Interface
    method: Method
    target: Any

    @property
    def name(self) -> str:
        """Name of the member, for the table of authorization, the log and the caller."""
        return f"{self.interface.name}.{self.method.name}"


class Dispatcher:
    """Serves the calls of one connection from one tree of objects."""

    def __init__(self, connection: Connection, tree: Tree, machine_id_file: Path) -> None:
        self._connection = connection
        self._tree = tree
        self._machine_id_file = machine_id_file
        self._authorizer = Authorizer(connection)

    def serve(self, call: Message) -> asyncio.Task[bytes] | None:
        """Answer ``call`` at once, or begin what will answer it and return the task."""
        found = attempt(lambda: self._find(call), "finding a member")
        if isinstance(found, Failure):
            self._connection.reply_error(call, found.name, found.text)
            return None
        outcome = attempt(lambda: self._begin(call, found), found.name)
        if isinstance(outcome, bytes | Failure):
            self._answer(call, found, outcome)
            return None
        task = self._connection.spawn(outcome)
        task.add_done_callback(lambda done: self._ended(call, found, done))
        return task

    def _find(self, call: Message) -> _Found:
        """The member that ``call`` names; raises CallError. The body is not looked at before this is done."""
        node = self._tree.node(call.path)
        if node is None and call.interface == names.PEER:
            node = self._tree.node("/")
        if node is None:
            raise CallError(names.UNKNOWN_OBJECT, "there is no such object")
        found = self._named(node, call) if call.interface else self._anywhere(node, call)
        if found.method.input_signature != call.signature:
            raise CallError(
                names.INVALID_ARGS, f"{found.name} takes {found.method.input_signature or 'nothing'!r}"
            )
        return found

    def _named(self, node: Node, call: Message) -> _Found:
        for interface, target in self._interfaces(node):
            if interface.name == call.interface:
                if call.member not in interface.methods:
                    raise CallError(names.UNKNOWN_METHOD, f"{interface.name} has no such method")
                return _Found(interface, interface.methods[call.member], target)
        raise CallError(names.UNKNOWN_INTERFACE, "the object has no such interface")

    def _anywhere(self, node: Node, call: Message) -> _Found:
        for interface, target in self._interfaces(node):
            if call.member in interface.methods:
                return _Found(interface, interface.methods[call.member], target)
        raise CallError(names.UNKNOWN_METHOD, "the object has no such method")

    def _interfaces(self, node: Node) -> list[tuple[Interface, Any]]:
        own = [(binding.interface, binding.target) for binding in node.bindings.values()]
        place = Place(self._tree, node, self._machine_id_file)
        return own + [(interface, place) for interface in standard.interfaces_of(node)]

    def _begin(self, call: Message, found: _Found) -> bytes | Coroutine[Any, Any, bytes]:
        """The answer's body where nothing has to be waited for, else what waits for it."""
        action = action_of(found.interface.name, found.method.name)
        try:
            values = decode_body(call)
        except WireError as error:
            raise CallError(names.INVALID_ARGS, str(error)) from error
        if action is not READ:
            return self._authorized(call, found, action, values)
        result = found.method.handler(found.target, *values)
        if isinstance(result, Awaitable):
            return _awaited(found.method, result)
        return _body(found.method, result)

    async def _authorized(self, call: Message, found: _Found, action: str, values: tuple[Any, ...]) -> bytes:
        await self._authorizer.check(call, action)
        result = found.method.handler(found.target, *values)
        if isinstance(result, Awaitable):
            return await _awaited(found.method, result)
        return _body(found.method, result)

    def _ended(self, call: Message, found: _Found, task: asyncio.Task[bytes]) -> None:
        if task.cancelled():
            return  # the connection has ended
        error = task.exception()
        self._answer(call, found, task.result() if error is None else failure_of(error, found.name))

    def _answer(self, call: Message, found: _Found, outcome: bytes | Failure) -> None:
        if isinstance(outcome, Failure):
            self._connection.reply_error(call, outcome.name, outcome.text)
        else:
            self._connection.reply(call, found.method.output_signature, outcome)


async def _awaited(method: Method, result: Awaitable[Any]) -> bytes:
    return _body(method, await result)


def _body(method: Method, result: Any) -> bytes:
    """The answer's body; raises WireError when the handler gave what its table does not say."""
    if isinstance(result, Encoded):
        return result.body
    count = len(method.outputs)
    values = result if count > 1 else (result,)[:count]
    return encode(method.output_signature, values)
