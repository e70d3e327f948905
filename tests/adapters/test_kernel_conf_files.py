"""Which files make up modprobe.d and what they say: our reading of it beside libkmod's own."""

import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmodd.kernel.conf_files import DEFAULT_DIRS, ConfFiles, read_lines
from kmodd.kernel.inventory import look_up
from kmodd.kernel.libkmod import Context, Library, text
from kmodd.kernel.modprobe_d import parse, softdeps
from kmodd.kernel.wire import ModuleRow, Places
from tests.support.module_tree import ModuleTree

LIBRARY = Library()


def _files(places: Places) -> ConfFiles:
    return ConfFiles(places, reads_alias_files=LIBRARY.reads_alias_files)


def _options(paths: Iterable[str], name: str = "m") -> str:
    """What libkmod gives to a module, less what the host's kernel command line may say."""
    with Context(LIBRARY, "/nowhere", tuple(paths)) as context, context.module(name) as module:
        return module.options


# ------------------------------------------------------------------------------- which files


@pytest.fixture
def dirs(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("etc", "run"):
        (tmp_path / name).mkdir()
    return tmp_path / "etc", tmp_path / "run"


def _places(dirs: Iterable[Path], generated: str = "") -> Places:
    return Places(modprobe_dirs=tuple(map(str, dirs)), modprobe_file=generated)


def test_files_come_by_base_name_and_the_first_directory_hides_the_others(dirs: tuple[Path, Path]) -> None:
    etc, run = dirs
    for path in (etc / "b.conf", run / "a.conf", run / "b.conf", run / "Z.conf", etc / "!.conf"):
        path.touch()
    assert _files(_places(dirs)).all == tuple(
        map(str, (etc / "!.conf", run / "Z.conf", run / "a.conf", etc / "b.conf"))
    )


def test_what_is_no_file_of_modprobe_d(dirs: tuple[Path, Path]) -> None:
    etc, run = dirs
    for name in ("x.conf~", ".hidden.conf", "conf", "x.conf.dpkg-new", "README"):
        (etc / name).touch()
    (etc / "directory.conf").mkdir()
    (etc / "dangling.conf").symlink_to("nowhere")
    (run / "directory.conf").touch()
    (run / "dangling.conf").touch()
    assert _files(_places([*dirs, etc / "nowhere", etc / "README"])).all == (
        str(run / "dangling.conf"),
        str(run / "directory.conf"),
    )


def test_what_is_no_regular_file_says_nothing_and_hides_all_the_same(dirs: tuple[Path, Path]) -> None:
    etc, run = dirs
    (etc / "masked.conf").symlink_to("/dev/null")
    os.mkfifo(etc / "fifo.conf")
    for name in ("masked.conf", "fifo.conf", "plain.conf"):
        (run / name).touch()
    assert _files(_places(dirs)).all == (str(run / "plain.conf"),)


def test_alias_files_are_read_where_libkmod_reads_them(dirs: tuple[Path, Path]) -> None:
    (dirs[0] / "old.alias").write_text("options m seen=1\n")
    assert bool(_files(_places(dirs)).all) == ("seen=1" in _options(map(str, dirs)))
    for reads in (False, True):
        assert bool(ConfFiles(_places(dirs), reads_alias_files=reads).all) == reads


def test_the_usual_directories() -> None:
    assert DEFAULT_DIRS[0] == "/etc/modprobe.d"
    assert {os.path.dirname(path) for path in _files(Places()).all} <= set(DEFAULT_DIRS)


_NAMES = st.sampled_from(
    ["a.conf", "B.conf", "b.conf", "a-b.conf", "a_b.conf", "00.conf", "!x.conf", "\xe4.conf", "x"]
)


@given(st.lists(st.tuples(st.integers(0, 2), _NAMES), max_size=8))
@settings(max_examples=40)
def test_the_list_is_what_libkmod_makes_of_the_directories(files: list[tuple[int, str]]) -> None:
    with TemporaryDirectory() as base:
        dirs = [Path(base, str(number)) for number in range(3)]
        for directory in dirs:
            directory.mkdir()
        for number, name in files:
            (dirs[number] / name).write_text(f"options m {name}={number}\n")
        assert _options(_files(_places(dirs)).all) == _options(map(str, dirs))


# ------------------------------------------------------------------------------- the generated file


def test_the_generated_file_is_left_out_under_whichever_name(dirs: tuple[Path, Path]) -> None:
    etc, run = dirs
    generated = etc / "00-kmodd.conf"
    generated.touch()
    (etc / "zz.conf").symlink_to("00-kmodd.conf")
    (run / "other.conf").touch()
    link = run.parent / "link"
    link.symlink_to(etc)
    for name in (generated, link / "00-kmodd.conf"):
        files = _files(_places(dirs, str(name)))
        assert files.of_others == (str(run / "other.conf"),)
        assert len(files.all) == 3
        assert files.hiding() == ""


def test_the_second_generated_file_is_left_out_too(dirs: tuple[Path, Path]) -> None:
    etc, run = dirs
    for path in (etc / "00-kmodd.conf", etc / "zz-kmodd.conf", run / "other.conf"):
        path.touch()
    files = _files(_places(dirs, str(etc / "00-kmodd.conf")))
    assert files.of_others == (str(run / "other.conf"),)


def test_what_the_generated_file_hides_is_hidden_and_what_hides_it_is_not(dirs: tuple[Path, Path]) -> None:
    etc, run = dirs
    (etc / "k.conf").touch()
    (run / "k.conf").touch()
    hides, hidden = _files(_places(dirs, str(etc / "k.conf"))), _files(_places(dirs, str(run / "k.conf")))
    assert (hides.of_others, hides.hiding()) == ((), "")
    assert (hidden.of_others, hidden.hiding()) == ((str(etc / "k.conf"),), str(etc / "k.conf"))
    (etc / "k.conf").unlink()
    gone = _files(_places(dirs, str(etc / "k.conf")))
    assert (gone.of_others, gone.hiding()) == ((str(run / "k.conf"),), str(run / "k.conf"))


# ------------------------------------------------------------------------------- what they say

_WORDS = st.sampled_from([b"m", b"m-x", b"m_x", b"n", b"a=1", b"b", b'"x y"', b"pre:", b"[", b"*"])
_GAPS = st.sampled_from([b" ", b"\t", b"  ", b" \\\n", b"\\\n", b"\\ ", b"\\\\", b"\\x", b" #", b"\r"])
_STARTS = st.sampled_from(
    [b"options ", b"options\t", b" options ", b"#options ", b"opt\\\nions ", b"blacklist ", b""]
)
_LINE = st.tuples(_STARTS, st.lists(st.one_of(_WORDS, _GAPS), max_size=8).map(b"".join)).map(b"".join)
_FILE = st.lists(_LINE, max_size=6).map(lambda lines: b"\n".join([*lines, b""]))


@given(_FILE)
@settings(max_examples=150)
def test_parser_and_libkmod_agree_on_the_options_of_a_module(raw: bytes) -> None:
    with TemporaryDirectory() as base:
        path = Path(base, "f.conf")
        path.write_bytes(raw)
        for name in ("m", "m_x", "n"):
            values = [
                line.argument.replace(b"\t", b" ")
                for line in parse(raw, str(path))
                if (line.command, line.subject) == ("options", name.encode())
            ]
            bare = _options((), name)
            assert _options([str(path)], name) == " ".join([*map(text, values), *([bare] if bare else [])])


@given(
    st.lists(st.sampled_from([b" ", b"  ", b"\t", b"pre:", b"post:", b"b", b"c"]), max_size=8).map(b"".join)
)
@settings(max_examples=60)
def test_parser_and_libkmod_agree_on_softdeps(argument: bytes) -> None:
    """The names lead nowhere without a module tree, so aliases say what they are."""
    with TemporaryDirectory() as base:
        path = Path(base, "f.conf")
        path.write_bytes(b"alias b b\nalias c c\nsoftdep m " + argument + b"\n")
        lines = [line for line in parse(path.read_bytes(), str(path)) if line.command == "softdep"]
        ours = softdeps(lines[0].argument) if lines else ((), ())
        known = [tuple(name.decode() for name in side if name in (b"b", b"c")) for side in ours]
        with Context(LIBRARY, base, (str(path),)) as context, context.module("m") as module:
            assert list(module.softdeps()) == known


# ------------------------------------------------------------------------------- what a lookup says of them


@pytest.fixture
def tree(tmp_path: Path) -> ModuleTree:
    tree = ModuleTree(tmp_path)
    tree.add("plain")
    return tree.depmod()


def _row(tree: ModuleTree, name: str = "plain", generated: str = "") -> ModuleRow:
    places = Places(
        module_tree=str(tree.path),
        modprobe_dirs=(str(tree.modprobe_dir),),
        modprobe_file=str(tree.modprobe_dir / generated) if generated else "",
    )
    return look_up(LIBRARY, places, [name], frozenset())[0]


def _places_of(row: ModuleRow) -> list[tuple[str, int, str]]:
    return [(Path(line["file"]).name, line["line"], line["text"]) for line in row["conf_lines"]]


def test_a_module_brings_the_lines_that_speak_of_it(tree: ModuleTree) -> None:
    tree.configure("b.conf", "# x\noptions plain \\\n  a=1\nblacklist plain\noptions other b=1\n")
    tree.configure("a.conf", "install pl* /bin/false\n\nalias fs-x plain\nsoftdep plain pre: other\n")
    assert _places_of(_row(tree)) == [
        ("a.conf", 1, "install pl* /bin/false"),
        ("a.conf", 3, "alias fs-x plain"),
        ("a.conf", 4, "softdep plain pre: other"),
        ("b.conf", 2, "options plain   a=1"),
        ("b.conf", 4, "blacklist plain"),
    ]
    assert _places_of(_row(tree, "other")) == [("b.conf", 5, "options other b=1")]


def test_what_the_generated_file_says_is_not_what_others_say(tree: ModuleTree) -> None:
    lines = "blacklist plain\ninstall plain /bin/false\nsoftdep plain pre: other\noptions plain a=1\n"
    tree.configure("00-kmodd.conf", lines)
    tree.configure("z.conf", "options plain b=1\n")
    seen, unseen = _row(tree), _row(tree, generated="00-kmodd.conf")
    assert (seen["blacklisted"], seen["install_command"], len(seen["conf_lines"])) == (True, "/bin/false", 5)
    assert (unseen["blacklisted"], unseen["install_command"], unseen["options"]) == (False, "", "b=1")
    assert _places_of(unseen) == [("z.conf", 1, "options plain b=1")]


def test_lines_are_bounded_and_escaped(tree: ModuleTree) -> None:
    tree.configure("a.conf", f"options plain \x1b[2J{'x' * 1000}\n" + "options plain y\n" * 100)
    rows = _row(tree)["conf_lines"]
    assert len(rows) == 64
    assert len(rows[0]["text"]) == 400
    assert rows[0]["text"].startswith("options plain \\x1b[2Jx")


def test_a_file_whose_name_is_no_text_is_shown_escaped(tree: ModuleTree) -> None:
    Path(os.fsdecode(bytes(tree.modprobe_dir) + b"/\xff\x1b.conf")).write_text("blacklist plain\n")
    row = _row(tree)
    assert row["blacklisted"]
    assert _places_of(row) == [("\ufffd\\x1b.conf", 1, "blacklist plain")]


def test_a_file_that_has_gone_says_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dir").mkdir()
    assert read_lines([str(tmp_path / name) for name in ("gone", "fifo", "dir")]).all == ()
