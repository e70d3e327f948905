"""Symbols of real files: who needs them and who exports them."""

import asyncio
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.roots import Roots
from kmodd.model import Symbols
from kmodd.names import ModuleName
from tests.adapters.loader_fixture import running
from tests.support.module_tree import ModuleTree


@pytest.fixture
def tree(tmp_path: Path) -> ModuleTree:
    tree = ModuleTree(tmp_path, builtins=["ext4"])
    tree.add("base-lib", exports=["base_call", "base_other"])
    tree.add("user", imports=["base_call", "printk", "odd[name"], exports=["user_call"])
    return tree.depmod()


def _symbols(tree: ModuleTree, name: str) -> Symbols:
    async def scenario() -> Symbols:
        roots = Roots(module_tree=str(tree.path), modprobe_dirs=(str(tree.modprobe_dir),))
        async with running(roots) as client:
            return await client.symbols(ModuleName(name))

    return asyncio.run(scenario())


def test_what_a_module_needs_and_who_has_it(tree: ModuleTree) -> None:
    needed = (("base_call", "base_lib"), ("printk", ""), ("odd[name", ""))
    assert _symbols(tree, "user") == Symbols(needed, ("user_call",))
    assert _symbols(tree, "base_lib") == Symbols((), ("base_call", "base_other"))


def test_an_alias_of_modprobe_d_exports_nothing(tree: ModuleTree) -> None:
    tree.configure("a.conf", "alias symbol:printk base-lib\nalias symbol:base_call user\n")
    assert _symbols(tree, "user").needed[:2] == (("base_call", "base_lib"), ("printk", ""))


def test_hostile_symbols_are_bounded_and_escaped(tree: ModuleTree) -> None:
    tree.add("many", imports=["\x1b[2J" + "n" * 300, *(f"n{number}" for number in range(9000))])
    needed = _symbols(tree.depmod(), "many").needed
    assert len(needed) == 8192
    assert needed[0] == ("\\x1b[2J" + "n" * 249, "")


@pytest.mark.parametrize("name", ["ext4", "nosuch", "gone"])
def test_what_has_no_file_has_no_symbols(tree: ModuleTree, name: str) -> None:
    gone = tree.add("gone")
    tree.depmod()
    gone.unlink()
    with pytest.raises(KmoddError, match=name) as caught:
        _symbols(tree, name)
    assert caught.value.kind is ErrorKind.NOT_FOUND


def test_a_damaged_file_is_an_error_that_says_which(tree: ModuleTree) -> None:
    path = tree.path / "kernel/user.ko"
    path.write_bytes(b"\x7fELF\x02\x01\x01" + b"\xff" * 100)
    with pytest.raises(KmoddError, match=str(path)) as caught:
        _symbols(tree, "user")
    assert caught.value.kind is ErrorKind.FAILED


def test_without_a_tree_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(KmoddError) as caught:
        _symbols(ModuleTree(tmp_path), "user")
    assert caught.value.kind is ErrorKind.NO_MODULE_TREE
