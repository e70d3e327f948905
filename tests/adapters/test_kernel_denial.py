"""What keeps a denied module out, and what opens it again: libkmod's word, and modprobe's beside it."""

import subprocess
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.denial import restrain
from kmodd.kernel.libkmod import Library
from kmodd.kernel.wire import Places, ProofRow
from tests.support.module_tree import RELEASE, ModuleTree

_DENIED = "blacklist victim\ninstall victim /bin/false\nsoftdep victim pre:\n"
_GENERATED = "00-kmodd.conf"


@pytest.fixture(scope="module")
def library() -> Library:
    return Library()


@pytest.fixture
def tree(tmp_path: Path) -> ModuleTree:
    """victim has two aliases and can have a softdep; dependent needs it, helper is what it may want."""
    tree = ModuleTree(tmp_path, builtins=["ext4"])
    aliases = ["pci:v00008086d00001[0-9]34sv*sd*bc0[!0-2]*", "fs-victim"]
    tree.add("victim", [("alias", alias) for alias in aliases], exports=["victim_call"])
    tree.add("dependent", imports=["victim_call"])
    tree.add("helper")
    return tree.depmod()


def _places(tree: ModuleTree) -> Places:
    return Places(
        proc=str(tree.base / "proc"),
        module_tree=str(tree.path),
        modprobe_dirs=(str(tree.modprobe_dir),),
        modprobe_file=str(tree.modprobe_dir / _GENERATED),
    )


def _proof(
    library: Library, tree: ModuleTree, name: str = "victim", places: Places | None = None
) -> ProofRow:
    return restrain(library, places or _places(tree), [name], [])["proofs"][0]


def _culprits(proof: ProofRow) -> list[tuple[str, int, str]]:
    return [(Path(row["file"]).name, row["line"], row["text"]) for row in proof["culprits"]]


def _modprobe_inserts(tree: ModuleTree, *words: str) -> bool:
    """Whether the real modprobe would insert victim's file."""
    options = ["-n", "-v", "-d", str(tree.base), "-S", RELEASE, "-C", str(tree.modprobe_dir)]
    command = ["/sbin/modprobe", *options, *words]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return any(line.startswith("insmod") and "/victim.ko" in line for line in output.splitlines())


def test_what_nobody_denies_is_open_by_every_name(library: Library, tree: ModuleTree) -> None:
    proof = _proof(library, tree)
    assert proof["open_ways"] == ["victim", "pci:v00008086d00001[0-9]34sv*sd*bc0[!0-2]*", "fs-victim"]
    assert (proof["checked"], proof["culprits"]) == (3, [])
    assert _modprobe_inserts(tree, "victim")


def test_install_alone_denies_a_module_without_softdeps(library: Library, tree: ModuleTree) -> None:
    tree.configure(_GENERATED, "install victim /bin/false\n")
    assert _proof(library, tree)["open_ways"] == []
    assert not _modprobe_inserts(tree, "victim")


def test_install_alone_does_not_deny_a_module_with_a_softdep(library: Library, tree: ModuleTree) -> None:
    tree.configure(_GENERATED, "blacklist victim\ninstall victim /bin/false\n")
    (tree.path / "modules.softdep").write_text("# of depmod\nsoftdep victim pre: helper\n")
    proof = _proof(library, tree)
    # A blacklist stops aliases, and udev whatever it asks for.
    assert proof["open_ways"] == ["victim (by modprobe only)"]
    assert _culprits(proof) == [("modules.softdep", 2, "softdep victim pre: helper")]
    assert _modprobe_inserts(tree, "victim")
    assert not _modprobe_inserts(tree, "fs-victim")


def test_an_empty_softdep_before_the_others_denies_it(library: Library, tree: ModuleTree) -> None:
    (tree.path / "modules.softdep").write_text("softdep victim pre: helper\n")
    tree.configure(_GENERATED, _DENIED)
    tree.configure("zz-later.conf", "softdep victim pre: helper\ninstall victim /sbin/modprobe -i victim\n")
    proof = _proof(library, tree)
    assert (proof["open_ways"], proof["culprits"], proof["checked"]) == ([], [], 3)
    assert not _modprobe_inserts(tree, "victim")


@pytest.mark.parametrize("earlier", ["!early.conf", "00-aaa.conf"])
@pytest.mark.parametrize("pattern", ["victim", "vic*", "v[a-z]ctim"])
def test_a_softdep_in_an_earlier_file_opens_it_again_and_is_named(
    library: Library, tree: ModuleTree, earlier: str, pattern: str
) -> None:
    tree.configure(_GENERATED, _DENIED)
    tree.configure(earlier, f"# hello\n\nsoftdep {pattern} \\\npre: helper\n")
    proof = _proof(library, tree)
    assert proof["open_ways"] == ["victim (by modprobe only)"]
    assert _culprits(proof) == [(earlier, 3, f"softdep {pattern} pre: helper")]
    assert _modprobe_inserts(tree, "victim")


def test_without_a_blacklist_an_earlier_softdep_opens_every_way(library: Library, tree: ModuleTree) -> None:
    tree.configure(_GENERATED, "install victim /bin/false\nsoftdep victim pre:\n")
    tree.configure("!early.conf", "softdep victim post: helper\nalias gpu-? victim\n")
    proof = _proof(library, tree)
    assert proof["open_ways"] == [
        "victim",
        "gpu_?",
        "pci:v00008086d00001[0-9]34sv*sd*bc0[!0-2]*",
        "fs-victim",
    ]
    assert _culprits(proof) == [
        ("!early.conf", 1, "softdep victim post: helper"),
        ("!early.conf", 2, "alias gpu-? victim"),
    ]
    assert _modprobe_inserts(tree, "gpu-7")


def test_an_alias_of_modprobe_d_leads_to_the_same_refusal(library: Library, tree: ModuleTree) -> None:
    tree.configure(_GENERATED, _DENIED)
    tree.configure("a.conf", "alias gpu victim\nalias dev-[!a-f]* victim\n")
    proof = _proof(library, tree)
    assert (proof["open_ways"], proof["checked"]) == ([], 5)


def test_a_blacklist_alone_leaves_the_name_open(library: Library, tree: ModuleTree) -> None:
    tree.configure(_GENERATED, "blacklist victim\n")
    proof = _proof(library, tree)
    assert proof["open_ways"] == ["victim (by modprobe only)"]
    assert proof["culprits"] == []


@pytest.mark.parametrize(
    ("command", "refused"),
    [
        ("/bin/false", True),
        ("/bin/true # because", True),
        ("  /usr/bin/false\t", True),
        ("true", True),
        ("/sbin/modprobe --ignore-install victim $CMDLINE_OPTS", False),
        ("/bin/false; insmod /x/victim.ko", False),
        ("/bin/falsehood", False),
        ("/bin/true || /bin/sh", False),
    ],
)
def test_an_install_command_counts_as_a_refusal_only_if_it_is_plain(
    library: Library, tree: ModuleTree, command: str, refused: bool
) -> None:
    tree.configure(_GENERATED, _DENIED)
    tree.configure("!early.conf", f"install victim {command}\n")
    proof = _proof(library, tree)
    shown = command.strip()
    # Its aliases are stopped by the blacklist before a command would run.
    assert proof["open_ways"] == ([] if refused else [f"victim (install command: {shown})"])
    assert _culprits(proof) == ([] if refused else [("!early.conf", 1, f"install victim {command}".strip())])


@pytest.mark.parametrize(
    ("command", "loads"),
    [
        ("/sbin/modprobe --ignore-install victim", True),
        ("modprobe -qi victim", True),
        ("insmod /lib/modules/victim.ko", True),
        ("/sbin/modprobe victim", False),
        ("insmod /lib/modules/victim2.ko", False),
        ("insmod /lib/modules/no-victim.ko", False),
    ],
)
def test_an_install_command_of_somebody_else_can_load_it(
    library: Library, tree: ModuleTree, command: str, loads: bool
) -> None:
    tree.configure(_GENERATED, _DENIED)
    tree.configure("z.conf", f"install helper {command}\n")
    proof = _proof(library, tree)
    assert proof["open_ways"] == ([f"helper (install command: {command})"] if loads else [])
    assert _culprits(proof) == ([("z.conf", 1, f"install helper {command}")] if loads else [])


def test_a_dependant_and_a_softdep_of_another_module_meet_the_same_refusal(
    library: Library, tree: ModuleTree
) -> None:
    tree.configure(_GENERATED, _DENIED)
    tree.configure("z.conf", "softdep helper pre: victim\nalias both helper\nalias both victim\n")
    proof = _proof(library, tree)
    assert (proof["open_ways"], proof["checked"]) == ([], 4)
    assert not any(_modprobe_inserts(tree, name) for name in ("helper", "dependent", "both"))
    # And they are let in where the module itself is.
    tree.configure("!early.conf", "softdep victim pre: helper\n")
    assert all(_modprobe_inserts(tree, name) for name in ("helper", "dependent"))
    assert "victim (by modprobe only)" in _proof(library, tree)["open_ways"]


def test_one_alias_of_many_modules_counts_for_each(library: Library, tree: ModuleTree) -> None:
    """victim comes in as a softdep of the other module that has the alias, past its own blacklist."""
    tree.configure(_GENERATED, "blacklist victim\n")
    tree.configure("z.conf", "alias both helper\nalias both victim\nsoftdep helper pre: victim\n")
    assert _proof(library, tree)["open_ways"] == ["victim (by modprobe only)", "both"]


def test_a_file_that_hides_the_generated_one_is_named(
    library: Library, tree: ModuleTree, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / _GENERATED).write_text(_DENIED)
    (tree.modprobe_dir / _GENERATED).symlink_to("/dev/null")
    dirs = (str(tree.modprobe_dir), str(run))
    places = _places(tree)._replace(modprobe_dirs=dirs, modprobe_file=str(run / _GENERATED))
    proof = _proof(library, tree, places=places)
    assert "victim" in proof["open_ways"]
    assert _culprits(proof) == [(_GENERATED, 0, f"hides {run / _GENERATED}")]
    (tree.modprobe_dir / _GENERATED).unlink()
    assert _proof(library, tree, places=places)["open_ways"] == []


def test_a_builtin_has_init_functions_instead_of_a_proof(library: Library, tree: ModuleTree) -> None:
    kallsyms = tree.base / "proc/kallsyms"
    kallsyms.parent.mkdir()
    kallsyms.write_text("0000000000000000 d __initcall__kmod_ext4__713_7419_ext4_init_fs6\n")
    proof = _proof(library, tree, "ext4")
    assert (proof["checked"], proof["open_ways"]) == (0, [])
    assert proof["init_functions"] == ["ext4_init_fs"]


def test_a_name_that_no_module_has_is_not_open(library: Library, tree: ModuleTree) -> None:
    tree.configure("z.conf", "alias ghostly ghost\n")
    proof = _proof(library, tree, "ghost")
    assert (proof["open_ways"], proof["checked"]) == ([], 2)


def test_four_thousand_aliases_are_enough(library: Library, tree: ModuleTree) -> None:
    noise = [("alias", f"usb:v{number:04X}p*d*dc*dsc*dp*ic*isc*ip*in[0-9]*") for number in range(5000)]
    tree.add("many", [*noise, ("alias", "broken[")])
    proof = _proof(library, tree.depmod(), "many")
    assert (proof["checked"], len(proof["open_ways"])) == (4097, 64)


@pytest.mark.shows("security 5")
def test_the_options_of_the_generated_file_are_read_back_alone(library: Library, tree: ModuleTree) -> None:
    tree.configure(_GENERATED, 'options victim a=1 b="x y"\noptions victim c=\\\\\\\\\noptions helper  x=1\n')
    tree.configure("z.conf", "options victim other=1\n")
    names = ["victim", "helper", "nosuch"]
    found = restrain(library, _places(tree), [], names)["options"]
    assert found == {"victim": 'a=1 b="x y" c=\\\\', "helper": " x=1", "nosuch": ""}
    (tree.modprobe_dir / _GENERATED).unlink()
    assert restrain(library, _places(tree), [], ["victim"])["options"] == {"victim": ""}


def test_no_module_tree_is_an_error_for_proofs_only(library: Library, tree: ModuleTree) -> None:
    places = _places(tree)._replace(module_tree="/nowhere")
    with pytest.raises(KmoddError) as caught:
        restrain(library, places, ["victim"], [])
    assert caught.value.kind is ErrorKind.NO_MODULE_TREE
    assert restrain(library, places, [], ["victim"])["options"] == {"victim": ""}
