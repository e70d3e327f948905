"""``kmoddctl import``: the real modprobe answers the same before and after, for every name and alias."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmodd.cli.main import main
from kmodd.cli.offline.import_text import toml
from kmodd.cli.offline.old_files import read
from kmodd.cli.offline.target import Target
from kmodd.config.check import check
from kmodd.core.conversion import convert
from kmodd.core.modprobe_conf import HEADER
from kmodd.core.old_lines import WORD, Conversion
from tests.support.conversion import conversion, converted, put, survey, system, touched
from tests.support.debian_packages import PackageFiles
from tests.support.modprobe_answers import Answer, Names, inserted, names_of, options
from tests.support.module_tree import RELEASE, ModuleTree
from tests.support.uml.process import MODULES

KERNEL = max(path.name for path in MODULES.iterdir())
ODD = r"""
# a comment \
options dummy numdummies=9 that goes on
options  dummy	numdummies=3
options scsi_debug dev_size_mb=16 inq_vendor="Ki Mo" \
  delay=5
options scsi-debug delay=6
options nbd max_part=15 nbds_max
options virtio-net napi_weight=1
 options raid1 x=1
blacklist zram
blacklist usb-storage
install nfsd /bin/false
install f2fs /bin/true # because
install ifb /usr/bin/false
blacklist ifb
install sctp /bin/echo no
install sctp /bin/false
install net-pf-4 /bin/true
install dm-* /bin/echo $CMDLINE_OPTS
install dm_crypt /bin/false
remove raid1 /bin/true
alias my-disk nbd
alias disk-* loop
softdep raid0 pre: dummy nbd
softdep raid10 pre: dummy post: nbd
softdep f2fs pre: crc32
softdep xfs pre: dummy
softdep bond* pre: dummy
softdep bonding pre: nbd
weakdep veth ifb
frobnicate loop
options [ x=1
"""


def names_below(root: Path, release: str) -> Names:
    """Every name and alias of the kernel, and what the files name beyond."""
    tree = root / "lib/modules" / release
    dep, alias = ((tree / name).read_text() for name in ("modules.dep", "modules.alias"))
    return names_of(dep, alias, touched(root) - names_of(dep, alias).aliases.keys())


def denied(found: Conversion) -> frozenset[str]:
    """What is refused in every way afterwards, as some of it was not before."""
    return frozenset(table.name for table in found.tables if table.values[0].value == "denied")


def differences(root: Path, release: str, after: Path) -> tuple[str, ...]:
    """What modprobe answers otherwise after a conversion, by name and with udev's flag.

    Where something is denied, that is not inserted, and nothing that was not before. To be refused and to be
    blacklisted come to the same.
    """
    names, refused = names_below(root, release), denied(conversion(root, release))
    before, now = survey(root, release, names), survey(after, release, names)
    return tuple(
        f"{query}: {old} -> {new}"
        for query in names.queries()
        for old, new in (
            (before.by_name[query], now.by_name[query]),
            (before.for_udev[query], now.for_udev[query]),
        )
        if not (
            _is_kept_out(old, new, refused)
            if refused & _about(names, query, old)
            else _done(old) == _done(new)
        )
    )


def _about(names: Names, query: str, answer: Answer) -> frozenset[str]:
    return names.targets(query).union(inserted(answer))


def _done(answer: Answer) -> Answer:
    return tuple(line for line in answer if line != "install /bin/false")


def _is_kept_out(old: Answer, new: Answer, refused: frozenset[str]) -> bool:
    return refused.isdisjoint(inserted(new)) and {*inserted(new)} <= {*inserted(old)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system with a real kernel's modules and no configuration."""
    return system(tmp_path / "before", MODULES)


@pytest.fixture
def debian(root: Path, debian_packages: tuple[PackageFiles, ...]) -> Path:
    """The same with the files of Debian's packages."""
    for package in debian_packages:
        put(root, "etc/modprobe.d", package.modprobe)
        put(root, "etc/modules-load.d", package.modules_load)
    return root


# ------------------------------------------------------------------------------ modprobe answers


def test_with_the_files_of_debian_packages_modprobe_answers_as_before(debian: Path, tmp_path: Path) -> None:
    names = names_below(debian, KERNEL)
    assert len(names.aliases) > 1000
    assert touched(debian) & names.modules
    assert len(os.listdir(debian / "etc/modprobe.d")) >= 20
    after = converted(debian, KERNEL, tmp_path / "after")
    assert differences(debian, KERNEL, after) == ()
    found = survey(after, KERNEL, names).by_name
    assert options(found["md_mod"][-1]) == {"start_ro": "1"}
    assert len([name for name in names.modules if name in inserted(found[name])]) > 850


@pytest.mark.parametrize("file", ["00-kmodd.conf", "50-imported.conf"])
def test_a_conversion_that_lacks_something_is_found(debian: Path, tmp_path: Path, file: str) -> None:
    after = converted(debian, KERNEL, tmp_path / "after")
    (after / "etc/modprobe.d" / file).unlink()
    assert differences(debian, KERNEL, after)


def test_with_odd_lines_modprobe_answers_as_before(root: Path, tmp_path: Path) -> None:
    (root / "etc/modprobe.d/odd.conf").write_text(ODD)
    after = converted(root, KERNEL, tmp_path / "after")
    assert differences(root, KERNEL, after) == ()
    text = (after / "etc/kmodd.d/50-imported.toml").read_text()
    assert "# /etc/modprobe.d/odd.conf:5: options scsi_debug dev_size_mb=16 inq_vendor=" in text
    assert 'parameters.inq_vendor = "Ki Mo"' in text
    assert "parameters.delay = 6" in text
    declared = {table.name: table.values[0].value for table in conversion(root, KERNEL).tables}
    assert declared == {
        "dummy": "auto",
        "f2fs": "denied",
        "ifb": "denied",
        "nfsd": "denied",
        "raid0": "auto",
        "raid1": "auto",
        "scsi_debug": "auto",
        "virtio_net": "auto",
        "xfs": "auto",
    }


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of a few modules, with dependencies, softdeps, aliases and a builtin."""
    tree = ModuleTree(tmp_path_factory.mktemp("small"), builtins=["built"])
    parameters = [("parmtype", "p:int"), ("parmtype", "q:bool")]
    tree.add("a", [("alias", "own:a*"), *parameters], exports=["of_a"])
    tree.add("b-x", [("alias", "own:b"), ("softdep", "pre: c"), *parameters], imports=["of_a"])
    tree.add("c", [("alias", "own:b"), *parameters])
    tree.add("d", [("alias", "d-x"), *parameters])
    return tree.depmod().base


_MODULES = st.sampled_from(["a", "b-x", "b_x", "c", "d", "built", "nosuch", "d-x"])
_NAMES = _MODULES | st.sampled_from(["own:b", "[ab]", "b?x"])
_WORDS = st.sampled_from(["p=1", "p=2", "q", "p", 'q="x y"', "q=Y", '"p=3"', "p=\\4", 'p="', "--"])
_COMMANDS = st.sampled_from(["/bin/false", "/bin/true", "/usr/bin/false #", "/bin/echo x"])
_SOFTDEPS = st.lists(st.sampled_from(["pre:", "post:", "a", "b-x", "c", "d", "nosuch", "d-x"]), max_size=4)
_LINES = st.one_of(
    st.builds("options {} {}".format, _MODULES, st.lists(_WORDS, min_size=1, max_size=3).map(" ".join)),
    st.builds("blacklist {}".format, _NAMES),
    st.builds("install {} {}".format, _NAMES, _COMMANDS),
    st.builds("remove {} {}".format, _NAMES, _COMMANDS),
    st.builds("softdep {} {}".format, _NAMES, _SOFTDEPS.map(" ".join)),
    st.builds("alias {} {}".format, _NAMES, _NAMES),
)


@given(texts=st.lists(st.lists(_LINES, max_size=4), min_size=1, max_size=3))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_with_any_lines_modprobe_answers_as_before(
    small: Path, tmp_path_factory: pytest.TempPathFactory, texts: list[list[str]]
) -> None:
    directory = tmp_path_factory.mktemp("any")
    root = system(directory / "before", small / "lib/modules")
    for number, lines in enumerate(texts):
        (root / f"etc/modprobe.d/{number}.conf").write_text("\n".join((*lines, "")))
    after = converted(root, RELEASE, directory / "after")
    assert main(["check", "--root", str(after), str(after / "etc/kmodd.d")]) == 0
    assert differences(root, RELEASE, after) == ()


_BYTES = st.lists(
    st.one_of(
        _LINES.map(str.encode), st.binary(max_size=40), st.sampled_from([b"\\", b"options a p=", b"#"])
    ),
    max_size=8,
).map(b"\n".join)


@given(conf=_BYTES, listed=_BYTES, words=_BYTES)
@settings(max_examples=150)
def test_whatever_the_files_hold_what_is_written_is_right_and_nothing_is_lost(
    small: Path, tmp_path_factory: pytest.TempPathFactory, conf: bytes, listed: bytes, words: bytes
) -> None:
    root = system(tmp_path_factory.mktemp("bytes") / "root", small / "lib/modules")
    (root / "proc").mkdir()
    for name, content in (("etc/modprobe.d/a.conf", conf), ("etc/modules", listed), ("proc/cmdline", words)):
        (root / name).write_bytes(content)
    lines, known = read(Target(str(root), RELEASE))
    found = convert(lines, known)
    (root / "etc/kmodd.d/a.toml").write_text(toml(found, RELEASE))
    assert check([root / "etc/kmodd.d/a.toml"]) == ()
    values = (value for table in found.tables for value in table.values)
    told = {line for value in values for line in value.lines}
    told |= {each.line for each in (*found.kept, *found.spent)}
    replaced = [line for line in lines if line not in told]
    assert {line.command for line in replaced} <= {"options", WORD}
    notes = "\n".join(note for table in found.tables for note in table.notes)
    assert all(str(line.location) in notes for line in replaced)


def test_an_import_needs_neither_compiler_nor_bus(root: Path) -> None:
    program = (
        "import sys; from kmodd.cli.main import main; status = main(sys.argv[1:]);"
        "heavy = {'pydantic', 'tomli', 'asyncio', 'kmodd.cli.bus.client'} & set(sys.modules);"
        "print(*sorted(heavy), file=sys.stderr);"
        "sys.exit(status)"
    )
    command = [sys.executable, "-c", program, "import", "--root", str(root)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    assert run.stderr == "\n"


# -------------------------------------------------------------------------------- what is read


def imported(root: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    """What ``kmoddctl import`` prints of a system, and says beside it."""
    assert main(["import", "--root", str(root), *arguments]) == 0
    printed = capsys.readouterr()
    return printed.out, printed.err


def test_directories_hide_and_mask_as_for_libkmod(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {
        "usr/lib/modprobe.d/a.conf": "options loop max_loop=1\n",
        "etc/modprobe.d/a.conf": "options nbd max_part=2\n",
        "usr/lib/modprobe.d/b.conf": "options zram num_devices=3\n",
        "run/modprobe.d/c.conf": "options dummy numdummies=4\n",
        "run/modprobe.d/c.txt": "options dummy numdummies=5\n",
    }
    for name, text in files.items():
        (root / name).write_text(text)
    (root / "etc/modprobe.d/b.conf").symlink_to("/dev/null")
    out, _ = imported(root, capsys)
    assert [line for line in out.splitlines() if line.startswith("parameters.")] == [
        "parameters.numdummies = 4",
        "parameters.max_part = 2",
    ]
    assert "# /run/modprobe.d/c.conf:1: options dummy numdummies=4\n" in out


def test_what_hides_another_file_is_told_before_it_is_taken_away(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("usr/lib/modprobe.d/a.conf", "etc/modprobe.d/a.conf", "etc/modprobe.d/b.conf"):
        (root / name).write_text("blacklist loop\n")
    said = " hides a file of its name in another directory: empty it, do not take it away\n"
    assert said not in imported(root, capsys)[1]
    (tmp_path / "out").mkdir()
    _, err = imported(root, capsys, "--output", str(tmp_path / "out"))
    assert f"kmoddctl: /etc/modprobe.d/a.conf{said}" in err
    assert err.count(said) == 1


def test_lists_of_modules(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "etc/modules").write_text("# a\n\nloop\n  nbd  \ndummy numdummies=2\n;x\n")
    (root / "etc/modules-load.d/modules.conf").symlink_to("../modules")
    (root / "usr/lib/modules-load.d").mkdir()
    (root / "usr/lib/modules-load.d/z.conf").write_text("fs-f2fs\nzram")
    out, err = imported(root, capsys)
    tables = [line for line in out.splitlines() if line.startswith("[")]
    assert tables == ["[module.f2fs]", "[module.loop]", "[module.nbd]", "[module.zram]"]
    assert out.count("# /etc/modules-load.d/modules.conf:3: loop\n") == 1
    assert "/etc/modules-load.d/modules.conf:5: dummy numdummies=2\n" in err


def test_etc_modules_without_the_link(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "etc/modules").write_text("loop\n")
    assert "# /etc/modules:1: loop\n" in imported(root, capsys)[0]


def test_the_kernel_command_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "proc").mkdir()
    words = 'quiet systemd.unit=x loop.max_loop=7 modules-load=nbd,ifb dummy.x="a b" modprobe.blacklist=ifb'
    (root / "proc/cmdline").write_text(words + "\n")
    (root / "etc/modprobe.d/a.conf").write_text("options dummy x=1\n")
    out, err = imported(root, capsys)
    assert "# /proc/cmdline: loop.max_loop=7\nparameters.max_loop = 7\n" in out
    assert 'parameters.x = "a b"\n' in out
    assert "[module.nbd]\n# /proc/cmdline: nbd\n" in out
    assert "[module.ifb]" not in out
    assert "modprobe.blacklist=ifb" in err
    assert "systemd" not in out + err


def test_what_kmodd_generated_is_not_its_own_source(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("00-kmodd.conf", "zz-kmodd.conf", "90-moved.conf"):
        (root / "etc/modprobe.d" / name).write_text(f"{HEADER}\noptions loop max_loop=1\n")
    out, err = imported(root, capsys)
    assert "loop" not in out + err


def test_what_libkmod_does_not_read_is_told_by_us_alone(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (root / "etc/modprobe.d/a.conf").write_text("optoins loop a=1\n # no\noptions loop\n\n")
    _, err = imported(root, capfd)
    assert "libkmod: " not in err
    assert "/etc/modprobe.d/a.conf:1: optoins loop a=1\n" in err
    assert "/etc/modprobe.d/a.conf:3: options loop\n" in err
    assert ":2:" not in err


def test_hostile_text_is_shown_and_harms_nothing(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = b'options loop a=\xff\noptions nbd b=\x1b[2J\nblacklist \x1b]0;x\x07\noptions zram c=\\"\x00x\n'
    (root / "etc/modprobe.d/a.conf").write_bytes(raw)
    out, err = imported(root, capsys)
    assert (out + err).replace("\n", "").isprintable()
    assert "[module." not in out


# ------------------------------------------------------------------------------ what is written


def test_the_files_are_written_and_pass_the_check(
    debian: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "out"
    directory.mkdir()
    out, err = imported(debian, capsys, "--kernel", KERNEL, "--output", str(directory))
    assert out.split() == [f"{directory}/50-imported.toml", f"{directory}/50-imported.conf"]
    assert sorted(os.listdir(directory)) == ["50-imported.conf", "50-imported.toml"]
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o644}
    assert "blacklist nfc\n" in err
    assert "belongs into /etc/modprobe.d in the place of the old files there" in err.splitlines()[-1]
    assert main(["check", "--root", str(debian), str(directory)]) == 0


@pytest.mark.parametrize("name", ["50-imported.toml", "50-imported.conf"])
@pytest.mark.parametrize("dangling", [False, True])
def test_no_file_is_written_over(
    debian: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, dangling: bool
) -> None:
    there = tmp_path / "out" / name
    there.parent.mkdir()
    if dangling:
        there.symlink_to("nowhere")
    else:
        there.write_text("mine")
    assert main(["import", "--root", str(debian), "--output", str(there.parent)]) == 1
    assert f"{there} is there already and stays as it is" in capsys.readouterr().err
    assert os.listdir(there.parent) == [name]
    assert there.is_symlink() or there.read_text() == "mine"


def test_a_directory_that_is_not_there(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", "--root", str(root), "--output", str(tmp_path / "no")]) == 1
    assert "50-imported.toml cannot be written: No such file or directory" in capsys.readouterr().err


def test_json_has_everything_and_nothing_is_said_beside_it(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "etc/modprobe.d/a.conf").write_text("blacklist zram\noptions loop max_loop=1\n")
    (root / "etc/modules").write_text("zram\n")
    out, err = imported(root, capsys, "--json")
    found = json.loads(out)
    assert err == ""
    assert "parameters.max_loop = 1\n" in found.pop("toml")
    assert found["written"] == []
    assert found["modules"][0]["values"][1] == {
        "key": "parameters.max_loop",
        "value": "1",
        "locations": [{"file": "/etc/modprobe.d/a.conf", "line": 2, "column": 0}],
    }
    assert [row["text"] for row in found["kept"]] == ["blacklist zram"]
    assert [row["text"] for row in found["spent"]] == ["zram"]


# ---------------------------------------------------------------------------------- which system


def test_without_a_module_tree_it_says_what_it_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "etc/modprobe.d").mkdir(parents=True)
    (tmp_path / "etc/modprobe.d/a.conf").write_text("options loop max_loop=1\n")
    out, err = imported(tmp_path, capsys)
    assert "parameters.max_loop = 1\n" in out
    assert "no module tree was found" in err


def test_of_several_kernels_one_is_to_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for release in ("6.1", "6.12"):
        (tmp_path / "lib/modules" / release).mkdir(parents=True)
        (tmp_path / "lib/modules" / release / "modules.dep.bin").touch()
    assert main(["import", "--root", str(tmp_path)]) == 2
    assert "has several kernels: 6.1, 6.12 (name one with --kernel)" in capsys.readouterr().err
    assert main(["import", "--root", str(tmp_path), "--kernel", "6.2"]) != 0
    assert "has no kernel 6.2 (it has 6.1, 6.12)" in capsys.readouterr().err
    assert main(["import", "--root", str(tmp_path / "no")]) == 2


@pytest.mark.shows("security 8")
def test_names_of_kernels_reach_the_terminal_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for release in ("a\x1b[2J", "b\u202e", os.fsdecode(b"c\xff")):
        (tmp_path / "lib/modules" / release).mkdir(parents=True)
        (tmp_path / "lib/modules" / release / "modules.dep.bin").touch()
    assert main(["import", "--root", str(tmp_path)]) == 2
    assert main(["import", "--root", str(tmp_path), "--kernel", "9"]) == 11
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all("a\\x1b[2J, b\\u202e, c\\udcff" in line and line.isprintable() for line in said)
