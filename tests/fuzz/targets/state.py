"""Files that kmodd keeps for itself. Nobody else can write them; a disk, or an older kmodd, has."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest import mock

from kmodd.config import catalog as catalog_file
from kmodd.config import last_good as last_good_file
from kmodd.config import store
from kmodd.daemon import inventory as inventory_file
from kmodd.daemon.store import MemoryStore
from kmodd.digest import digest
from kmodd.model import Catalog
from kmodd.names import is_module_name
from tests.fuzz import promises

_DIRECTORY = promises.scratch()


def catalog(data: bytes) -> None:
    """As the file, and behind the digest that it would have: as none, or what can be written again."""
    for content in _signed(catalog_file.FORMAT, data):
        found = promises.value_of(_catalog_of, content, refusals=(ValueError,))
        if found is not None:
            assert all(is_module_name(each.name) for each in found.declarations)
            promises.is_kept(found)


def _catalog_of(content: bytes) -> Catalog:
    return catalog_file.decode(store.unpack(catalog_file.FORMAT, content))


def last_good(data: bytes) -> None:
    """None, or texts that can be written again."""
    for content in _signed(last_good_file.FORMAT, data):
        path = _file("last-good.json", content)
        found = promises.value_of(last_good_file.read_last_good, path, refusals=(ValueError,))
        if found is not None:
            _write(partial(last_good_file.write_last_good, path, found))
            assert last_good_file.read_last_good(path) == found


def _signed(name: str, data: bytes) -> tuple[bytes, bytes]:
    empty = store.pack(name, None)
    header = {**json.loads(empty.partition(b"\n")[0]), "digest": digest(data)}
    return data, json.dumps(header).encode() + b"\n" + data


def inventory(data: bytes) -> None:
    """None, or infos that are as wide as their types, and that can be written again."""
    path = _file("inventory.json", data)
    found = inventory_file._read(path, "stamp")
    document = {"format": inventory_file.FORMAT, "stamp": "stamp"}
    rows = [info._asdict() for info in found.values()]
    path.write_text(json.dumps({**document, "modules": rows}))
    assert inventory_file._read(path, "stamp") == found
    for name, info in found.items():
        assert is_module_name(name)
        assert name == info.name
        for field, default in info._field_defaults.items():
            assert type(getattr(info, field)) is type(default), field
        for names in (info.dependencies, info.softdeps_before, info.softdeps_after, info.alias_of):
            assert all(map(is_module_name, names))
        for text in (*info.aliases, *info.similar, *(part for pair in info.parameter_types for part in pair)):
            assert isinstance(text, str)
        for line in info.conf_lines:
            assert type(line.location.line) is type(line.location.column) is int
            assert line.text.split()


def loads(data: bytes) -> None:
    """Nothing, or what is kept and read again as the same."""
    path = _file("loads.json", data)
    memory = MemoryStore(path)
    found = memory.memory
    assert all(map(is_module_name, (*found.loads, *found.owed, *found.met)))
    _write(memory._write)
    again = MemoryStore(path).memory
    assert (again.loads, again.owed, again.met) == (found.loads, found.owed, found.met)


def _file(name: str, content: bytes) -> Path:
    path = _DIRECTORY / name
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def _write(work: Callable[[], None]) -> None:
    """Without a disk to wait for."""
    with mock.patch.object(os, "fsync"):
        work()
