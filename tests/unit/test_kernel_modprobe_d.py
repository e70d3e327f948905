"""modprobe.d taken apart: what counts for a line, and whom it speaks of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.kernel.modprobe_d import FILE_LIMIT, Line, Lines, Softdeps, parse, softdeps
from kmodd.kernel.patterns import matches


def _parts(raw: bytes) -> list[tuple[int, str, bytes, bytes]]:
    return [(line.number, line.command, line.subject, line.argument) for line in parse(raw, "f")]


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        (b"", []),
        (b"\n\n  \n\t\n", []),
        (b"options a x=1\n", [(1, "options", b"a", b"x=1")]),
        (b"options a x=1", [(1, "options", b"a", b"x=1")]),
        (b"  options\t a-b \t x=1  y \n", [(1, "options", b"a_b", b"\t x=1  y ")]),
        (
            b"\noptions a\\\n\\\n x=1\nblacklist b",
            [(2, "options", b"a", b"x=1"), (5, "blacklist", b"b", b"")],
        ),
        (b"opt\\\nions a x", [(1, "options", b"a", b"x")]),
        (b"options a \\x\\\\y\\ \\#", [(1, "options", b"a", b"x\\y #")]),
        (b"options a x\\", [(1, "options", b"a", b"x")]),
        (b"options a x\0y\nblacklist b", [(1, "options", b"a", b"x"), (2, "blacklist", b"b", b"")]),
        (b"options a x # no comment", [(1, "options", b"a", b"x # no comment")]),
        (b"#options a x\\\nblacklist b\nblacklist c", [(3, "blacklist", b"c", b"")]),
        (b"\\#options a x", []),
        (b" # blacklist a", []),
        (b"blacklist a b c", [(1, "blacklist", b"a", b"")]),
        (b"blacklist a\r\n", [(1, "blacklist", b"a\r", b"")]),
        (b"alias x-* a-b c", [(1, "alias", b"x_*", b"a_b")]),
        (b"alias x[a-c]-y a", [(1, "alias", b"x[a-c]_y", b"a")]),
        (b"alias x", []),
        (b"alias x[a a", []),
        (b"alias x]a a", []),
        (b"alias x a]", []),
        (b"options a\noptions a \noptions\noptions a[ x", []),
        (b"options a  \n", [(1, "options", b"a", b" ")]),
        (b"install a-* /bin/false", [(1, "install", b"a_*", b"/bin/false")]),
        (b"remove a /bin/x -y", [(1, "remove", b"a", b"/bin/x -y")]),
        (b"softdep a pre: b-c", [(1, "softdep", b"a", b"pre: b-c")]),
        (b"weakdep a b", [(1, "weakdep", b"a", b"b")]),
        (b"include /etc/x\nconfig y\nOPTIONS a x\noptionsa x\nblacklist\n\xff\xfe a b", []),
        (b"blacklist \xff\x1b", [(1, "blacklist", b"\xff\x1b", b"")]),
    ],
)
def test_a_file_is_taken_apart_as_libkmod_does_it(
    raw: bytes, parts: list[tuple[int, str, bytes, bytes]]
) -> None:
    assert _parts(raw) == parts


def test_the_text_of_a_line_is_what_libkmod_makes_of_it() -> None:
    (line,) = parse(b"\n\noptions a-b \\\n x=\\1\n", "/etc/modprobe.d/f.conf")
    assert line == Line("/etc/modprobe.d/f.conf", 3, "options", b"a_b", b" x=1", b"options a-b  x=1")


def test_of_a_file_that_is_too_long_whole_lines_are_taken() -> None:
    line = b"blacklist a\n"
    raw = line * (FILE_LIMIT // len(line) + 10)
    parts = _parts(raw)
    assert len(parts) == FILE_LIMIT // len(line)
    assert parts[-1] == (len(parts), "blacklist", b"a", b"")
    assert _parts(b"blacklist " + b"a" * FILE_LIMIT) == []


def test_brackets_without_their_other_half_are_seen_at_once() -> None:
    """A test that never ended would say that each of them was looked for on its own."""
    assert _parts(b"blacklist " + b"[" * (FILE_LIMIT - 100)) == []
    assert _parts(b"blacklist " + b"[a]" * 10_000) == [(1, "blacklist", b"[a]" * 10_000, b"")]


@given(st.binary(max_size=200))
def test_nothing_that_a_file_can_hold_breaks_it(raw: bytes) -> None:
    numbers = [number for number, *_ in _parts(raw)]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        (b"pre: a b post: c", Softdeps((b"a", b"b"), (b"c",))),
        (b"post: a pre: b", Softdeps((b"b",), (b"a",))),
        (b"pre:", Softdeps((), ())),
        (b"a b pre: c", Softdeps((b"c",), ())),
        (b"pre:a", Softdeps((), ())),
        (b" pre: a post: b", Softdeps((), (b"b",))),
        (b" \tpre:  a \n b ", Softdeps((b"a", b"b"), ())),
        (b"pre: a pre: b", Softdeps((b"a", b"b"), ())),
        (b" ", Softdeps((), ())),
    ],
)
def test_names_in_a_softdep(argument: bytes, names: Softdeps) -> None:
    assert softdeps(argument) == names


def test_a_line_speaks_of_a_module_by_name_by_pattern_or_as_what_an_alias_means() -> None:
    raw = b"""
options nvidia-drm a=1
alias gpu-* nvidia_drm
alias nvidia_drm other
install nvidia* /bin/false
blacklist nvidia*
options nvidia* x
softdep nvidia_dr[!a-l] pre: i2c
remove nvidia\\\\_drm x
weakdep *drm y
blacklist nvidia-drm
blacklist nvidia
"""
    lines = Lines(parse(raw, "f"), matches)
    assert [line.number for line in lines.about("nvidia_drm")] == [2, 3, 5, 8, 9, 10, 11]
    assert [line.number for line in lines.about("other")] == [4]
    assert lines.about("nosuch") == []
    assert len(lines.all) == 11
