"""/proc, line by line: plain, odd, broken and hostile."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.procfs import (
    parse_command_line,
    parse_modules,
    read_command_line,
    read_modules,
    read_modules_disabled,
    read_release,
)
from kmodd.kernel.reader import SystemReader
from kmodd.kernel.roots import Roots
from kmodd.model import ObservedModule
from kmodd.names import ModuleName, is_module_name
from kmodd.shown import ModuleState

_LIVE = ModuleState.LOADED


def _observed(name: str, state: ModuleState = _LIVE, *holders: str, **rest: object) -> ObservedModule:
    return ObservedModule(ModuleName(name), state, holders=tuple(map(ModuleName, holders)), **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("loop 40960 0 - Live 0xffffffffc0a5f000", _observed("loop", memory_bytes=40960)),
        (
            "nf_nat 57344 2 nft_nat,xt_nat, Live 0x0000000000000000",
            _observed("nf_nat", _LIVE, "nft_nat", "xt_nat", memory_bytes=57344, refcount=2),
        ),
        (
            "zfs 4521984 6 - Live 0xffffffffc0a5f000 (POE)",
            _observed("zfs", memory_bytes=4521984, refcount=6, taint="POE"),
        ),
        ("a 1 0 - Loading 0x0 (+)", _observed("a", ModuleState.LOADING, memory_bytes=1, taint="+")),
        ("a 1 -1 - Unloading 0x0 (E-)", _observed("a", ModuleState.UNLOADING, memory_bytes=1, taint="E-")),
        (
            "ipv6 688128 11 b,[permanent], Live 0x0",
            _observed("ipv6", _LIVE, "b", memory_bytes=688128, refcount=11, permanent=True),
        ),
        (
            "ipv6 1 1 [permanent], Live 0x0",
            _observed("ipv6", memory_bytes=1, refcount=1, permanent=True),
        ),
        ("a 1 - - Live 0x0", _observed("a", memory_bytes=1, permanent=True)),
        ("snd-hda 1 1 snd-x, Live 0x0", _observed("snd_hda", _LIVE, "snd_x", memory_bytes=1, refcount=1)),
    ],
)
def test_a_line_of_proc_modules(line: str, expected: ObservedModule) -> None:
    assert parse_modules(line + "\n") == {expected.name: expected}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "loop",
        "loop 40960 0 -",
        "loop 40960 0 - Dead 0x0",
        "loop big 0 - Live 0x0",
        "loop 40960 0  Live 0x0",
        "loop 40960 0 a b, Live 0x0",
        "../../etc 40960 0 - Live 0x0",
        "-rf 40960 0 - Live 0x0",
        "loop 40960 0 -rf, Live 0x0",
        "loop 40960 0 - Live 0x0 trailing",
        "l\x1b[31m 40960 0 - Live 0x0",
        "lo\u2028op 40960 0 - Live 0x0",
        "x" * 56 + " 40960 0 - Live 0x0",
        "loop ٣ 0 - Live 0x0",
        " loop 40960 0 - Live 0x0",
        "loop 40960 0 - Live 0x0 (rm)",
        "loop 40960 0 ,, Live 0x0",
        "loop 40960 2147483648 - Live 0x0",
    ],
)
def test_a_line_that_the_kernel_never_writes_is_left_out(line: str) -> None:
    good = "good 1 0 - Live 0x0"
    assert list(parse_modules(f"{line}\n{good}\n{line}\n")) == ["good"]


def test_those_that_are_asked_for_are_read_and_no_others() -> None:
    text = "snd-pcm 2 1 - Live 0x0\nloop 4096 0 - Live 0x0\ndummy 1 0 - Loading 0x0\n"
    all_of_them = parse_modules(text)
    for only in ((), ("loop",), ("snd_pcm", "dummy"), ("loop2", "snd")):
        names = [ModuleName(name) for name in only]
        assert parse_modules(text, names) == {n: all_of_them[n] for n in names if n in all_of_them}


@given(st.text())
def test_whatever_stands_in_proc_modules_names_are_names(text: str) -> None:
    for name, module in parse_modules(text).items():
        assert is_module_name(name)
        assert all(map(is_module_name, module.holders))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("\n", ()),
        ("quiet\n", ("quiet",)),
        ("  root=/dev/sda1   ro\tquiet \n", ("root=/dev/sda1", "ro", "quiet")),
        ('a.b="x y" c', ("a.b=x y", "c")),
        ('"a=x y" c', ("a=x y", "c")),
        ('"a="x y""', ("a=x", 'y""')),
        ('a=x"y z"', ('a=x"y z"',)),
        ('a="x', ("a=x",)),
        ('a="', ("a=",)),
        ('"', ("",)),
        ("a=b=c", ("a=b=c",)),
        ("a\xa0b", ("a", "b")),
        ("a\u2003b", ("a\u2003b",)),
    ],
)
def test_a_command_line_is_cut_as_the_kernel_cuts_it(text: str, expected: tuple[str, ...]) -> None:
    assert parse_command_line(text) == expected


@given(st.lists(st.from_regex(r"[a-z_.]{1,8}(=[^\s\"\xa0]{0,8})?", fullmatch=True)))
def test_words_without_quotes_stay_what_they_are(words: list[str]) -> None:
    plain = [word for word in words if word.isascii()]
    assert parse_command_line(" ".join(plain)) == tuple(plain)


def test_the_command_line_is_bytes_to_the_kernel_and_text_to_us(tmp_path: Path) -> None:
    (tmp_path / "cmdline").write_bytes("name=ä \x1b[2J".encode() + b" bad=\xff\n")
    assert read_command_line(str(tmp_path)) == ("name=ä", "\\x1b[2J", "bad=\ufffd")


def test_a_kernel_without_modules_is_one_sentence_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "version").touch()
    with pytest.raises(KmoddError, match="no loadable modules") as caught:
        read_modules(str(tmp_path))
    assert caught.value.kind is ErrorKind.NO_MODULE_SUPPORT
    assert "CONFIG_MODULES" in caught.value.hint


def test_a_missing_proc_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(KmoddError) as caught:
        read_modules(str(tmp_path / "nothing"))
    assert caught.value.hint == f"mount proc on {tmp_path / 'nothing'}"


@pytest.mark.parametrize(("text", "expected"), [("0\n", False), ("1\n", True), (None, False)])
def test_modules_disabled(tmp_path: Path, text: str | None, expected: bool) -> None:
    (tmp_path / "sys/kernel").mkdir(parents=True)
    if text is not None:
        (tmp_path / "sys/kernel/modules_disabled").write_text(text)
    assert read_modules_disabled(str(tmp_path)) is expected


def test_the_release_is_one_word(tmp_path: Path) -> None:
    (tmp_path / "sys/kernel").mkdir(parents=True)
    (tmp_path / "sys/kernel/osrelease").write_text("6.12.9-amd64\n")
    assert read_release(str(tmp_path)) == "6.12.9-amd64"


def test_the_reader_reads_its_own_roots(tmp_path: Path) -> None:
    (tmp_path / "sys/kernel").mkdir(parents=True)
    (tmp_path / "sys/kernel/osrelease").write_text("6.1\n")
    (tmp_path / "modules").write_text("loop 1 0 - Live 0x0\n")
    (tmp_path / "cmdline").write_text("a b\n")
    (tmp_path / "module/loop/parameters").mkdir(parents=True)
    (tmp_path / "module/loop/parameters/max_loop").write_text("8\n")
    reader = SystemReader(Roots(proc=str(tmp_path), sys=str(tmp_path)))
    loop = ModuleName("loop")
    assert list(reader.modules()) == [loop]
    assert reader.parameters(loop) == {"max_loop": "8"}
    assert reader.instance(loop) == (tmp_path / "module/loop").stat().st_ino
    assert reader.attributes(loop).initstate == ""
    assert (reader.release(), reader.command_line(), reader.modules_disabled()) == ("6.1", ("a", "b"), False)
    assert reader.architecture()
