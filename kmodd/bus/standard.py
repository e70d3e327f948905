"""The interfaces that the D-Bus specification gives every object. Handlers are given a Place as target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kmodd.bus import names, properties
from kmodd.bus.encode import PAD, close_array, encode, open_array
from kmodd.bus.message import CallError
from kmodd.bus.table import Argument, Encoded, Interface, Method, Signal
from kmodd.bus.tree import Node, Tree
from kmodd.named_tuple import NamedTuple


class Place(NamedTuple):
    """The node that a call goes to, and what surrounds it."""

    tree: Tree
    node: Node
    machine_id_file: Path


def interfaces_of(node: Node) -> tuple[Interface, ...]:
    """The standard interfaces of a node; Peer is answered for any path."""
    if not node.bindings:
        return (INTROSPECTABLE, PEER)
    if node.path == names.MANAGER_PATH:
        return (INTROSPECTABLE, PEER, PROPERTIES, OBJECT_MANAGER)
    return (INTROSPECTABLE, PEER, PROPERTIES)


def object_entry(path: str, node: Node) -> bytes:
    """Path and interfaces of an object: ``oa{sa{sv}}``, and as well an entry of ``a{oa{sa{sv}}}``."""
    out = bytearray(encode("o", (path,)))
    begin = open_array(out, first_aligned_to_8=True)
    for name, binding in node.bindings.items():
        out += PAD[-len(out) & 7]
        out += encode("s", (name,))
        properties.append_all(out, (binding,))
    close_array(out, begin)
    return bytes(out)


def _introspect(place: Place) -> str:
    from kmodd.bus.introspection import document  # noqa: PLC0415  (daemon/later.py)

    own = tuple(binding.interface for binding in place.node.bindings.values())
    return document((*own, *interfaces_of(place.node)), place.node.children)


def _ping(_place: Place) -> None:
    """Answer, and nothing else."""


def _machine_id(place: Place) -> str:
    try:
        return place.machine_id_file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CallError(names.NOT_SUPPORTED, "this machine has no machine-id(5)") from error


def _get(place: Place, interface_name: str, name: str) -> Encoded:
    bindings = place.node.bindings
    if interface_name:
        if interface_name not in bindings:
            raise CallError(names.UNKNOWN_INTERFACE, "the object has no such interface")
        return Encoded(properties.one(bindings[interface_name], name))
    for binding in bindings.values():
        if name in binding.interface.properties:
            return Encoded(properties.one(binding, name))
    raise CallError(names.UNKNOWN_PROPERTY, "the object has no such property")


def _get_all(place: Place, interface_name: str) -> Encoded:
    bindings = place.node.bindings
    if interface_name and interface_name not in bindings:
        known = any(each.name == interface_name for each in interfaces_of(place.node))
        if not known:
            raise CallError(names.UNKNOWN_INTERFACE, "the object has no such interface")
        return Encoded(encode("a{sv}", ({},)))
    out = bytearray()
    properties.append_all(out, (bindings[interface_name],) if interface_name else bindings.values())
    return Encoded(bytes(out))


def _set(place: Place, interface_name: str, name: str, _value: Any) -> None:
    _get(place, interface_name, name)
    raise CallError(names.PROPERTY_READ_ONLY, "no property can be set; org.kmodd1(5) has the methods")


def _managed_objects(place: Place) -> Encoded:
    out = bytearray()
    begin = open_array(out, first_aligned_to_8=True)
    for node in place.tree.below(place.node.path):
        out += PAD[-len(out) & 7]
        out += object_entry(node.path, node)
    close_array(out, begin)
    return Encoded(bytes(out))


INTROSPECTABLE = Interface(
    names.INTROSPECTABLE,
    methods=(Method("Introspect", (), (Argument("xml_data", "s"),), _introspect),),
)
PEER = Interface(
    names.PEER,
    methods=(
        Method("Ping", (), (), _ping),
        Method("GetMachineId", (), (Argument("machine_uuid", "s"),), _machine_id),
    ),
)
_INTERFACE = Argument("interface_name", "s")
_NAME = Argument("property_name", "s")
PROPERTIES = Interface(
    names.PROPERTIES,
    methods=(
        Method("Get", (_INTERFACE, _NAME), (Argument("value", "v"),), _get),
        Method("GetAll", (_INTERFACE,), (Argument("props", "a{sv}"),), _get_all),
        Method("Set", (_INTERFACE, _NAME, Argument("value", "v")), (), _set),
    ),
    signals=(
        Signal(
            "PropertiesChanged",
            (_INTERFACE, Argument("changed_properties", "a{sv}"), Argument("invalidated_properties", "as")),
        ),
    ),
)
_OBJECT = Argument("object_path", "o")
_INTERFACES = Argument("interfaces_and_properties", "a{sa{sv}}")
OBJECT_MANAGER = Interface(
    names.OBJECT_MANAGER,
    methods=(
        Method(
            "GetManagedObjects",
            (),
            (Argument("objpath_interfaces_and_properties", "a{oa{sa{sv}}}"),),
            _managed_objects,
        ),
    ),
    signals=(
        Signal("InterfacesAdded", (_OBJECT, _INTERFACES)),
        Signal("InterfacesRemoved", (_OBJECT, Argument("interfaces", "as"))),
    ),
)
STANDARD = (INTROSPECTABLE, PEER, PROPERTIES, OBJECT_MANAGER)
