"""The tree of objects: a node for every path segment, with the interfaces that are bound to it."""

from collections.abc import Iterator
from typing import Any

from kmodd.bus.table import Interface


class Binding:
    """An interface at a node, and the ``target`` that its handlers and getters are given.

    ``frozen`` says that the target never changes, so that its encoded properties can be kept in ``block``.
    """

    __slots__ = ("block", "frozen", "interface", "target")

    def __init__(self, interface: Interface, target: Any, *, frozen: bool) -> None:
        self.interface = interface
        self.target = target
        self.frozen = frozen
        self.block: bytes | None = None


class Node:
    """One path; ``children`` by path segment, ``bindings`` by interface name."""

    __slots__ = ("bindings", "children", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.children: dict[str, Node] = {}
        self.bindings: dict[str, Binding] = {}


class Tree:
    """All nodes; the root is always there, others as long as something is bound at or below them."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {"/": Node("/")}

    def node(self, path: str) -> Node | None:
        """The node of ``path``, if there is one."""
        return self._nodes.get(path)

    def bind(self, path: str, binding: Binding) -> None:
        """Put ``binding`` at ``path``, in the place of an earlier one of the same interface."""
        self._node_made(path).bindings[binding.interface.name] = binding

    def remove(self, path: str) -> tuple[str, ...]:
        """Take all bindings of ``path`` away and return the names of their interfaces."""
        node = self._nodes.get(path)
        if node is None:
            return ()
        removed = tuple(node.bindings)
        node.bindings.clear()
        while path != "/" and not node.bindings and not node.children:
            del self._nodes[path]
            path, segment = _split(path)
            node = self._nodes[path]
            del node.children[segment]
        return removed

    def below(self, path: str) -> Iterator[Node]:
        """Nodes with bindings under ``path``, without itself, parents first."""
        waiting = list(self._nodes[path].children.values())
        while waiting:
            node = waiting.pop()
            if node.bindings:
                yield node
            waiting.extend(node.children.values())

    def _node_made(self, path: str) -> Node:
        node = self._nodes.get(path)
        if node is None:
            parent, segment = _split(path)
            node = self._nodes[path] = Node(path)
            self._node_made(parent).children[segment] = node
        return node


def _split(path: str) -> tuple[str, str]:
    parent, _, segment = path.rpartition("/")
    return parent or "/", segment
