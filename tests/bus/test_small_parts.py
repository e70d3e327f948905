"""Paths, complaints, the tree, and the files that others read."""

import configparser
import logging
import xml.etree.ElementTree as ET

import pytest

from kmodd.bus import names
from kmodd.bus.complaints import Complaints
from kmodd.bus.interfaces import MANAGER, MODULE
from kmodd.bus.introspection import document
from kmodd.bus.table import Interface
from kmodd.bus.tree import Binding, Tree
from kmodd.errors import KmoddError
from kmodd.names import ModuleName
from tests.bus.private_bus import PACKAGED_POLICY, ROOT

_EMPTY = Interface("org.kmodd1.Test")


def test_a_module_and_its_path() -> None:
    assert names.module_path(ModuleName("8021q")) == "/org/kmodd1/module/8021q"
    assert names.module_of_path("/org/kmodd1/module/snd_pcm") == "snd_pcm"


@pytest.mark.parametrize(
    "path", ["/", "/org/kmodd1/module", "/org/kmodd1/module/", "/x/loop", "/org/kmodd1/module/a-b"]
)
def test_a_path_that_is_no_module(path: str) -> None:
    with pytest.raises(KmoddError, match="is not the object of a module"):
        names.module_of_path(path)


def test_complaints_of_a_kind_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    complaints = Complaints(logging.getLogger("test"), quiet_s=30, clock=lambda: now[0])
    for _ in range(5):
        complaints.say("flood", "too fast: %s", ":1.1")
    complaints.say("other", "something else")
    now[0] = 31
    complaints.say("flood", "too fast: %s", ":1.2")
    assert caplog.messages == [
        "too fast: :1.1",
        "something else",
        "too fast: :1.2 (4 more of this kind before)",
    ]


def test_a_node_lives_as_long_as_something_is_below_it() -> None:
    tree = Tree()
    for path in ("/a/b", "/a/b/c", "/a/d"):
        tree.bind(path, Binding(_EMPTY, None, frozen=False))
    assert sorted(node.path for node in tree.below("/")) == ["/a/b", "/a/b/c", "/a/d"]
    assert tree.remove("/a/b") == ("org.kmodd1.Test",)
    assert tree.node("/a/b") is not None
    tree.remove("/a/b/c")
    assert tree.node("/a/b") is None
    tree.remove("/a/d")
    assert (tree.node("/a"), tree.remove("/a/d"), list(tree.below("/"))) == (None, (), [])


def test_introspection_says_what_the_tables_say() -> None:
    root = ET.fromstring(document((MANAGER, MODULE), ("b", "a")))  # noqa: S314  our own document
    found = {each.get("name"): each for each in root.findall("interface")}
    for table in (MANAGER, MODULE):
        described = found[table.name]
        assert [each.get("name") for each in described.findall("method")] == list(table.methods)
        assert {each.get("name"): each.get("type") for each in described.findall("property")} == {
            name: each.signature for name, each in table.properties.items()
        }
        assert [each.get("name") for each in described.findall("signal")] == list(table.signals)
    assert [each.get("name") for each in root.findall("node")] == ["a", "b"]


def test_the_files_of_the_bus_name_the_service() -> None:
    activation = configparser.ConfigParser()
    activation.read(ROOT / "systemd/org.kmodd1.service")
    assert activation["D-BUS Service"]["Name"] == names.SERVICE
    assert activation["D-BUS Service"]["SystemdService"] == "dbus-org.kmodd1.service", (
        "an alias of its unit: test_units.py"
    )
    policy = ET.parse(PACKAGED_POLICY)  # noqa: S314  our own document
    assert [each.attrib for each in policy.iter("allow")] == [
        {"own": names.SERVICE},
        {"send_destination": names.SERVICE},
    ]
