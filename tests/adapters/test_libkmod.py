"""libkmod, the real one, on a module tree that depmod made."""

import lzma
from collections.abc import Iterable
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.inventory import look_up
from kmodd.kernel.libkmod import Context, Library
from kmodd.kernel.wire import ModuleRow, Places
from tests.support.module_tree import ModuleTree


@pytest.fixture(scope="module")
def library() -> Library:
    return Library()


@pytest.fixture
def tree(tmp_path: Path) -> ModuleTree:
    """base <- middle <- top-most, each by a symbol of the one before; ext4 is a builtin."""
    tree = ModuleTree(tmp_path, builtins=["ext4"])
    tree.add("base", exports=["base_call"])
    tree.add("middle", imports=["base_call"], exports=["middle_call"])
    tree.add("top-most", [("alias", "pci:v00008086d*")], imports=["middle_call", "base_call"])
    return tree.depmod()


def _rows(
    library: Library, tree: ModuleTree, names: Iterable[str], with_modinfo: Iterable[str] = ()
) -> list[ModuleRow]:
    places = Places(module_tree=str(tree.path), modprobe_dirs=(str(tree.modprobe_dir),))
    return look_up(library, places, names, frozenset(with_modinfo))


def _row(library: Library, tree: ModuleTree, name: str) -> ModuleRow:
    return _rows(library, tree, [name], [name])[0]


def _exists(row: ModuleRow) -> bool:
    return bool(row["path"]) or row["builtin"]


def test_a_module_is_found_in_either_spelling(library: Library, tree: ModuleTree) -> None:
    path = str(tree.path / "kernel/top-most.ko")
    assert [row["path"] for row in _rows(library, tree, ["top_most", "top-most"])] == [path, path]


def test_dependencies_come_in_order_of_loading(library: Library, tree: ModuleTree) -> None:
    assert _row(library, tree, "top_most")["dependencies"] == ["base", "middle"]
    assert _row(library, tree, "base")["dependencies"] == []


def test_an_alias_is_not_a_name_but_is_resolved(library: Library, tree: ModuleTree) -> None:
    row = _row(library, tree, "pci:v00008086d00001234")
    assert not _exists(row)
    assert row["alias_of"] == ["top_most"]


def test_an_unknown_name_is_an_answer_too(library: Library, tree: ModuleTree) -> None:
    row = _row(library, tree, "nosuch")
    assert not _exists(row)
    assert (row["alias_of"], row["has_modinfo"]) == ([], False)


def test_a_builtin_has_no_path(library: Library, tree: ModuleTree) -> None:
    row = _row(library, tree, "ext4")
    assert (row["builtin"], row["path"], row["has_modinfo"]) == (True, "", True)


def test_a_module_whose_file_has_gone_is_missing(library: Library, tree: ModuleTree) -> None:
    (tree.path / "kernel/base.ko").unlink()
    assert not _exists(_row(library, tree, "base"))


def test_softdeps_of_the_module_itself(library: Library, tree: ModuleTree) -> None:
    tree.add("soft", [("softdep", "pre: base post: middle top-most")])
    row = _row(library, tree.depmod(), "soft")
    assert (row["softdeps_before"], row["softdeps_after"]) == (["base"], ["middle", "top_most"])


def test_the_first_softdep_wins_whole(library: Library, tree: ModuleTree) -> None:
    """What a denied module relies on: an empty softdep in a file that sorts first."""
    tree.add("soft", [("softdep", "pre: base")])
    tree.configure("00-first.conf", "softdep soft pre:\n")
    tree.configure("50-later.conf", "softdep soft pre: middle\n")
    assert _row(library, tree.depmod(), "soft")["softdeps_before"] == []


def test_what_modprobe_d_says(library: Library, tree: ModuleTree) -> None:
    tree.configure("a.conf", 'options top-most a=1\tb="x y"\noptions top_most c\nblacklist top-most\n')
    tree.configure("b.conf", "install top_most /bin/true\nremove top_most /bin/false $CMDLINE_OPTS\n")
    row, other = _rows(library, tree, ["top_most", "base"])
    assert row["options"] == 'a=1 b="x y" c'
    assert row["blacklisted"]
    assert row["install_command"] == "/bin/true"
    assert row["remove_command"] == "/bin/false $CMDLINE_OPTS"
    assert (other["options"], other["blacklisted"], other["install_command"]) == ("", False, "")


def test_what_modprobe_d_says_of_a_name_that_no_module_has(library: Library, tree: ModuleTree) -> None:
    tree.configure("a.conf", "install ghost /bin/true\nblacklist ghost\n")
    row = _row(library, tree, "ghost")
    assert (row["install_command"], row["blacklisted"], _exists(row)) == ("/bin/true", True, False)


def test_modinfo_is_read_only_where_it_is_asked_for(library: Library, tree: ModuleTree) -> None:
    tree.add("informed", [("version", "1.2"), ("srcversion", "ABC"), ("vermagic", "6.1.0-test SMP ")])
    tree.depmod()
    without, with_it = (_rows(library, tree, ["informed"], asked)[0] for asked in ([], ["informed"]))
    assert (without["has_modinfo"], without["version"]) == (False, "")
    assert with_it["has_modinfo"]
    assert (with_it["version"], with_it["srcversion"]) == ("1.2", "ABC")
    assert (with_it["vermagic"], with_it["signer"]) == ("6.1.0-test SMP", "")


def test_parameter_types(library: Library, tree: ModuleTree) -> None:
    kinds = [("n", "int"), ("names", "array of charp"), ("debug", "bool")]
    tree.add("typed", [("parm", "n:Number"), *(("parmtype", f"{name}:{kind}") for name, kind in kinds)])
    assert _row(library, tree.depmod(), "typed")["parameter_types"] == kinds


def test_a_parameter_that_only_has_a_description_has_no_type(library: Library, tree: ModuleTree) -> None:
    """What module_param_cb() leaves; those with a type come first, and each name once."""
    tree.add(
        "typed", [("parm", "cb:Its: own"), ("parm", "n:Number"), ("parmtype", "n:int"), ("parm", "cb:x")]
    )
    assert _row(library, tree.depmod(), "typed")["parameter_types"] == [("n", "int"), ("cb", "")]


def test_aliases_are_what_the_module_says(library: Library, tree: ModuleTree) -> None:
    assert _row(library, tree, "top_most")["aliases"] == ["pci:v00008086d*"]
    assert _rows(library, tree, ["top_most"])[0]["aliases"] == []
    tree.add("many", [("alias", f"a{number}\x1b") for number in range(5000)])
    found = _row(library, tree.depmod(), "many")["aliases"]
    assert (len(found), found[0]) == (4096, "a0\\x1b")


def test_a_name_that_no_module_has_may_be_a_slip(library: Library, tree: ModuleTree) -> None:
    names = ["top_mots", "etx4", "base", "pci:v00008086d1", "utterly_different"]
    found = [row["similar"] for row in _rows(library, tree, names)]
    assert found == [["top_most"], ["ext4"], [], [], []]


def test_only_so_many_slips_are_thought_about(library: Library, tree: ModuleTree) -> None:
    rows = _rows(library, tree, ["midle"] * 50)
    assert [row["similar"] for row in rows] == [["middle"]] * 8 + [[]] * 42


@pytest.mark.shows("security 8")
def test_hostile_modinfo_is_bounded_and_escaped(library: Library, tree: ModuleTree) -> None:
    noise = [("parmtype", f"p{number}:{'x' * 1000}") for number in range(3000)]
    names = [("parmtype", "../../x:int"), ("parmtype", "a b:int"), ("parmtype", "no colon"), ("bare", "")]
    tree.add("hostile", [*names, ("version", "\x1b[2J\udcff" + "v" * 5000), *noise])
    row = _row(library, tree.depmod(), "hostile")
    assert len(row["parameter_types"]) == 1024
    assert row["parameter_types"][0] == ("p0", "x" * 64)
    assert row["version"].startswith("\\x1b[2J\ufffdv")
    assert len(row["version"]) == 256


def test_a_damaged_file_has_no_modinfo(library: Library, tree: ModuleTree) -> None:
    (tree.path / "kernel/base.ko").write_bytes(b"\x7fELF\x02\x01\x01" + b"\xff" * 100)
    row = _row(library, tree, "base")
    assert row["path"]
    assert not row["has_modinfo"]


def test_a_compressed_module(library: Library, tree: ModuleTree) -> None:
    tree.add("packed", [("version", "7")], compress=lzma.compress, suffix=".ko.xz")
    row = _row(library, tree.depmod(), "packed")
    assert row["path"].endswith("/packed.ko.xz")
    # A libkmod without xz still finds it; it then says nothing of what is inside.
    assert row["version"] == ("7" if row["has_modinfo"] else "")


def test_a_path_that_is_not_plain_text_is_no_path(library: Library, tree: ModuleTree) -> None:
    odd = tree.path / "kernel" / "\x1b[2J"
    odd.mkdir()
    (tree.path / "kernel/base.ko").rename(odd / "base.ko")
    assert not _exists(_row(library, tree.depmod(), "base"))


def test_a_change_is_seen_at_once(library: Library, tree: ModuleTree) -> None:
    """Also one that kmod_validate_resources would not notice: a modprobe.d file edited in place."""
    tree.configure("a.conf", "options base n=1\n")
    assert _row(library, tree, "base")["options"] == "n=1"
    tree.configure("a.conf", "options base n=2\n")
    tree.add("fresh")
    tree.depmod()
    rows = _rows(library, tree, ["base", "fresh"])
    assert rows[0]["options"] == "n=2"
    assert _exists(rows[1])


@pytest.mark.parametrize("what", ["directory", "index"])
def test_no_module_tree_is_one_sentence_with_what_to_do(
    library: Library, tree: ModuleTree, tmp_path: Path, what: str
) -> None:
    if what == "directory":
        tree = ModuleTree(tmp_path / "nowhere")
    else:
        (tree.path / "modules.dep.bin").write_bytes(b"damaged")
    with pytest.raises(KmoddError) as caught:
        _row(library, tree, "base")
    assert caught.value.kind is ErrorKind.NO_MODULE_TREE
    assert str(tree.path) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("soname", ["libkmod-that-nobody-has.so.2", "libc.so.6"])
def test_no_libkmod_is_one_sentence_with_what_to_do(soname: str) -> None:
    with pytest.raises(KmoddError, match=soname) as caught:
        Library(soname)
    assert caught.value.kind is ErrorKind.NO_LIBKMOD
    assert "libkmod2" in caught.value.hint


def test_a_file_that_is_not_there_cannot_be_a_module(library: Library) -> None:
    with Context(library, conf_paths=()) as context, pytest.raises(FileNotFoundError):
        context.module_at("/nowhere/nothing.ko")


def test_many_contexts_leave_nothing_open(library: Library, tree: ModuleTree) -> None:
    """The guard around every test looks for descriptors; a context maps five files."""
    for _ in range(50):
        _row(library, tree, "top_most")
    maps = Path("/proc/self/maps").read_text()
    assert str(tree.path) not in maps
