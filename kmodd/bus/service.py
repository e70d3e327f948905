"""The objects of one connection: exported, updated, taken away; each change is announced as it is made."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kmodd.bus import names, properties, standard
from kmodd.bus.connection import Connection
from kmodd.bus.dispatch import Dispatcher
from kmodd.bus.encode import encode
from kmodd.bus.serving import CallServer
from kmodd.bus.table import Interface
from kmodd.bus.tree import Binding, Tree

MACHINE_ID_FILE = Path("/etc/machine-id")


class Service:
    """The objects of one connection. Export before the name is requested; nothing survives the connection."""

    def __init__(self, connection: Connection, *, machine_id_file: Path = MACHINE_ID_FILE) -> None:
        self._connection = connection
        self._tree = Tree()
        dispatcher = Dispatcher(connection, self._tree, machine_id_file)
        CallServer(connection, dispatcher.serve)

    def export(self, path: str, interface: Interface, target: Any, *, frozen: bool = False) -> None:
        """Put an object with one interface on the bus and announce it (InterfacesAdded).

        ``frozen`` targets never change and are replaced by update().
        """
        self._tree.bind(path, Binding(interface, target, frozen=frozen))
        node = self._tree.node(path)
        if node is not None and path.startswith(f"{names.MANAGER_PATH}/"):
            self._emit_managed("InterfacesAdded", standard.object_entry(path, node))

    def update(self, path: str, interface: Interface, target: Any) -> None:
        """Give a frozen object its next target and announce what changed (PropertiesChanged)."""
        old = self._binding(path, interface)
        new = Binding(interface, target, frozen=True)
        self._tree.bind(path, new)
        moved = properties.moved(old, new)
        self.announce(path, interface, properties.snapshot(old, moved), properties.snapshot(new, moved))

    def unexport(self, path: str) -> None:
        """Take an object off the bus and announce it (InterfacesRemoved)."""
        removed = self._tree.remove(path)
        if removed:
            self._emit_managed("InterfacesRemoved", encode("oas", (path, removed)))

    def snapshot(self, path: str, interface: Interface) -> dict[str, object]:
        """The properties of an object as they are now, for announce()."""
        return properties.snapshot(self._binding(path, interface))

    def announce(
        self, path: str, interface: Interface, before: dict[str, object], after: dict[str, object]
    ) -> None:
        """Emit PropertiesChanged for what differs, if anything does."""
        body = properties.changes(interface, before, after)
        if body is not None:
            self._connection.emit(path, names.PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def emit(self, path: str, interface: Interface, member: str, values: Sequence[Any]) -> None:
        """Emit a signal of ``interface``; raises WireError when ``values`` do not fit."""
        signature = interface.signals[member].signature
        self._connection.emit(path, interface.name, member, signature, encode(signature, values))

    def _binding(self, path: str, interface: Interface) -> Binding:
        node = self._tree.node(path)
        if node is None:
            raise KeyError(path)
        return node.bindings[interface.name]

    def _emit_managed(self, member: str, body: bytes) -> None:
        signature = standard.OBJECT_MANAGER.signals[member].signature
        self._connection.emit(names.MANAGER_PATH, names.OBJECT_MANAGER, member, signature, body)
