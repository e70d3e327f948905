"""What the module tree is asked, and when it is asked again."""

import asyncio
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from kmodd.daemon.inventory import Inventory
from kmodd.errors import ErrorKind, Kind, KmoddError
from kmodd.model import ModuleInfo
from kmodd.names import ModuleName
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated import SimulatedLoader
from tests.support.simulated_kernel import SimulatedKernel, module

A, B, GHOST = ModuleName("a"), ModuleName("b"), ModuleName("ghost")
NONE = frozenset[ModuleName]()


class Place:
    """A loader, and the directories that an inventory looks at."""

    def __init__(self, path: Path) -> None:
        tree = (module("a", "b", before=("x",), options="n=1", n=KernelParameter()), module("b"))
        self.kernel = SimulatedKernel(tree)
        self.loader = SimulatedLoader(self.kernel)
        self.cache = path / "inventory.json"
        self.tree = path / "tree"
        self.modprobe = path / "modprobe.d"
        self.tree.mkdir()
        self.modprobe.mkdir()

    def open(self) -> Inventory:
        return Inventory(self.loader, self.cache, self.tree, (str(self.modprobe), "/nonexistent"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def complete(
    inventory: Inventory, names: Iterable[ModuleName], with_modinfo: frozenset[ModuleName] = NONE
) -> None:
    asyncio.run(inventory.complete(names, with_modinfo))


def test_asks_once_for_each_and_reads_files_only_where_that_is_needed(place: Place) -> None:
    inventory = place.open()
    complete(inventory, [A, GHOST])
    complete(inventory, [A, B])
    complete(inventory, [A, B, GHOST])
    assert place.loader.lookups == [(A, GHOST), (B,)]
    assert not inventory.infos[A].has_modinfo
    complete(inventory, [A, B], frozenset((A,)))
    assert place.loader.lookups[2:] == [(A,)]
    assert inventory.infos[A].parameter_types == (("n", "int"),)
    assert not inventory.infos[GHOST].exists


def test_what_was_found_is_another_object_and_what_was_not_asked_is_the_same(place: Place) -> None:
    inventory = place.open()
    complete(inventory, [A])
    before = inventory.infos
    complete(inventory, [A])
    assert inventory.infos is before
    complete(inventory, [B])
    assert inventory.infos is not before


def test_a_restart_asks_nobody(place: Place) -> None:
    complete(place.open(), [A, B, GHOST], frozenset((A,)))
    again = place.open()
    complete(again, [A, B, GHOST], frozenset((A,)))
    assert len(place.loader.lookups) == 1
    assert again.infos[A] == place.kernel.info(A, with_modinfo=True)


@pytest.mark.parametrize("name", ["modules.dep.bin", "modules.softdep", "modules.builtin.bin"])
def test_another_tree_is_asked_anew(place: Place, name: str) -> None:
    inventory = place.open()
    complete(inventory, [A])
    assert not inventory.refresh()
    (place.tree / name).write_text("depmod was here")
    assert inventory.refresh()
    assert not inventory.refresh()
    assert inventory.infos == {}
    complete(inventory, [A])
    assert place.loader.lookups == [(A,), (A,)]
    (place.tree / name).write_text("and again")
    assert not place.open().infos


def test_a_line_in_modprobe_d_counts_too(place: Place) -> None:
    inventory = place.open()
    complete(inventory, [A])
    (place.modprobe / "local.conf").write_text("options a n=2\n")
    assert inventory.refresh()
    (place.modprobe / "local.conf").unlink()
    assert inventory.refresh()


def test_without_a_tree_nothing_exists_and_that_is_said_until_there_is_one(place: Place) -> None:
    place.loader.refusals = [KmoddError(ErrorKind.NO_MODULE_TREE, "there is none", "install it")]
    inventory = place.open()
    complete(inventory, [A], frozenset((A,)))
    assert inventory.problem == "there is none (install it)"
    assert not inventory.infos[A].exists
    complete(inventory, [A], frozenset((A,)))
    assert place.loader.lookups == []
    (place.tree / "modules.dep.bin").write_text("installed")
    assert inventory.refresh()
    assert inventory.problem == ""
    complete(inventory, [A])
    assert inventory.infos[A].exists


@pytest.mark.parametrize("kind", [ErrorKind.LOADER_LOST, ErrorKind.NO_LIBKMOD])
def test_a_loader_in_trouble_leaves_what_is_known(place: Place, kind: Kind) -> None:
    inventory = place.open()
    complete(inventory, [A])
    place.loader.refusals = [KmoddError(kind, "trouble")]
    with pytest.raises(KmoddError) as caught:
        complete(inventory, [B])
    assert caught.value.kind is kind
    assert inventory.infos.keys() == {A}


def test_the_cache_has_only_what_a_module_has(place: Place) -> None:
    complete(place.open(), [A, B])
    rows = json.loads(place.cache.read_bytes())["modules"]
    assert all(all(row.values()) for row in rows)
    assert place.open().infos.keys() == {A, B}


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(place: Place, tmp_path: Path) -> None:
    for cache in (tmp_path / "gone" / "inventory.json", tmp_path):
        place.cache = cache
        inventory = place.open()
        complete(inventory, [A])
        assert inventory.infos[A].exists


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: json.dumps(document)[:0],
        lambda document: json.dumps([document]),
        lambda document: "[" * 100_000 + json.dumps(document),
        lambda document: json.dumps({**document, "format": 0}),
        lambda document: json.dumps({**document, "stamp": ""}),
        lambda document: json.dumps({**document, "modules": 5}),
        lambda document: json.dumps({**document, "modules": ["a"]}),
        lambda document: json.dumps({**document, "modules": [{"path": "/a"}]}),
        lambda document: json.dumps({**document, "modules": [{**document["modules"][0], "dependencies": 5}]}),
        lambda document: json.dumps(document)[:-9],
        *(
            lambda document, field=field, value=value: json.dumps(
                {**document, "modules": [{**document["modules"][0], field: value}]}
            )
            for field, value in (
                ("name", "no name"),
                ("path", 5),
                ("builtin", 1),
                ("dependencies", "abc"),
                ("alias_of", ["no name"]),
                ("aliases", [5]),
                ("parameter_types", [["a", 5]]),
                ("conf_lines", [[["/f", math.inf, 0], "options a"]]),
                ("conf_lines", [[["/f", 1, 0], " "]]),
            )
        ),
    ],
)
def test_a_damaged_cache_is_as_none(place: Place, damage: Callable[[dict[str, Any]], str]) -> None:
    complete(place.open(), [A])
    place.cache.write_text(damage(json.loads(place.cache.read_bytes())))
    assert place.open().infos == {}


def test_a_field_that_this_version_does_not_know_is_left_out(place: Place) -> None:
    complete(place.open(), [B])
    document = json.loads(place.cache.read_bytes())
    document["modules"][0]["colour"] = "blue"
    place.cache.write_text(json.dumps(document))
    assert place.open().infos == {B: ModuleInfo(B)._replace(path=place.kernel.info(B).path)}
