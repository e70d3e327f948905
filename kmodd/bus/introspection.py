"""Introspection data (D-Bus specification, Introspection Data Format), written from the tables.

Nothing is quoted: names, signatures and path segments have no letter that XML knows.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache

from kmodd.bus.table import Argument, Interface, Property

_DOCTYPE = (
    '<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n'
    ' "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n'
)
_CONSTANT = '   <annotation name="org.freedesktop.DBus.Property.EmitsChangedSignal" value="const"/>'


def document(interfaces: Iterable[Interface], children: Iterable[str]) -> str:
    """XML of a node with these interfaces and children (path segments)."""
    described = "".join(map(_described, interfaces))
    nodes = "".join(f' <node name="{child}"/>\n' for child in sorted(children))
    return f"{_DOCTYPE}<node>\n{described}{nodes}</node>\n"


@lru_cache(maxsize=64)
def _described(interface: Interface) -> str:
    return "\n".join((f' <interface name="{interface.name}">', *_members(interface), " </interface>\n"))


def _members(interface: Interface) -> Iterator[str]:
    for method in interface.methods.values():
        arguments = (*_arguments(method.inputs, "in"), *_arguments(method.outputs, "out"))
        yield from _element("method", method.name, arguments)
    for each in interface.properties.values():
        yield from _property(each)
    for signal in interface.signals.values():
        yield from _element("signal", signal.name, tuple(_arguments(signal.arguments, "")))


def _element(kind: str, name: str, content: tuple[str, ...]) -> Iterator[str]:
    if not content:
        yield f'  <{kind} name="{name}"/>'
        return
    yield f'  <{kind} name="{name}">'
    yield from content
    yield f"  </{kind}>"


def _arguments(arguments: tuple[Argument, ...], direction: str) -> Iterator[str]:
    suffix = f' direction="{direction}"' if direction else ""
    for argument in arguments:
        yield f'   <arg name="{argument.name}" type="{argument.signature}"{suffix}/>'


def _property(each: Property) -> Iterator[str]:
    opening = f'  <property name="{each.name}" type="{each.signature}" access="read"'
    if not each.constant:
        yield opening + "/>"
        return
    yield opening + ">"
    yield _CONSTANT
    yield "  </property>"
