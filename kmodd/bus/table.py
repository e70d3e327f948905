"""Interfaces as data: what is introspected, dispatched and encoded is read from these tables alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kmodd.named_tuple import NamedTuple


class Encoded(NamedTuple):
    """A result that is encoded already, as the whole body of the answer."""

    body: bytes


class Argument(NamedTuple):
    """An argument of a method or signal: its name and one single complete type."""

    name: str
    signature: str


class Method(NamedTuple):
    """A method; ``handler(target, *values)`` returns the result or an awaitable of it.

    The result is None without outputs, the value for one, a tuple for several, or Encoded.
    """

    name: str
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]
    handler: Callable[..., Any]

    @property
    def input_signature(self) -> str:
        """Signature that a call must have."""
        return "".join(argument.signature for argument in self.inputs)

    @property
    def output_signature(self) -> str:
        """Signature of the answer."""
        return "".join(argument.signature for argument in self.outputs)


class Property(NamedTuple):
    """A property to be read; nothing is written through the bus. ``constant`` ones are never announced.

    ``attribute`` is the only one of the target that ``getter`` looks at; "" where that cannot be said.
    """

    name: str
    signature: str
    getter: Callable[[Any], Any]
    constant: bool = False
    attribute: str = ""


class Signal(NamedTuple):
    """A signal."""

    name: str
    arguments: tuple[Argument, ...]

    @property
    def signature(self) -> str:
        """Signature of its body."""
        return "".join(argument.signature for argument in self.arguments)


class Interface:
    """An interface: its members by name, in the order of introspection. Equal is only itself: no tuple."""

    __slots__ = ("attributes", "methods", "name", "properties", "signals")

    def __init__(
        self,
        name: str,
        *,
        methods: tuple[Method, ...] = (),
        properties: tuple[Property, ...] = (),
        signals: tuple[Signal, ...] = (),
    ) -> None:
        self.name = name
        self.methods = {each.name: each for each in methods}
        self.properties = {each.name: each for each in properties}
        self.attributes = tuple(dict.fromkeys(each.attribute for each in properties if each.attribute))
        """Every attribute of a target that a property says it shows."""
        self.signals = {each.name: each for each in signals}
