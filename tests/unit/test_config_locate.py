"""Places of keys and values, held against what tomli makes of the same text."""

import sys
import tomllib
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest
import tomli
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kmodd.config.locate import Misplaced, locate
from kmodd.config.toml_text import KeyPath
from tests.support.properties import unhurried


def _paths(value: Any, above: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key and index of what a parser returned."""
    pairs: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for key, inner in pairs:
        yield (*above, key)
        yield from _paths(inner, (*above, key))


_BLANKS = st.sampled_from(["", " ", "\t", "  "])
_GAPS = st.sampled_from(["", " ", "\n", "\n  # a ] comment }, \"'\n", "\t\n\n"])
_NAMES = st.sampled_from(
    ["a", "b-1", "1979", '"q"', '"\\u0061b"', "'l.#'", '""', '"\\\\e"', '"\\x61"', "true"]
)
_KEYS = st.lists(_NAMES, min_size=1, max_size=3).flatmap(
    lambda parts: _BLANKS.map(lambda blank: f"{blank}.{blank}".join(parts))
)
_SCALARS = st.sampled_from(
    [
        "1",
        "-0x1F",
        "0x1f",
        "1_000",
        "+1.5e-3",
        "inf",
        "true",
        '""',
        '"a # ] } , b"',
        '"\\" \\\\"',
        '"\\e"',
        '"\\\\e\\x41"',
        "'it\\e'",
        '"""\n two " "" \\""" lines"""""',
        '"""\\\n   \\e"""',
        "'''a ' '' ] \n'''''",
        "1979-05-27T07:32:00Z",
        "1979-05-27 07:32:00.5",
        "1979-05-27 07:32",
        "1979-05-27",
        "07:32:00",
        "07:32",
    ]
)


def _arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def build(items: list[str], gap: str, comma: bool) -> str:
        inner = f"{gap},{gap}".join(items)
        return f"[{gap}{inner}{gap}{',' if comma and items else ''}{gap}]"

    return st.builds(build, st.lists(values, max_size=3), _GAPS, st.booleans())


def _inline_tables(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def build(pairs: list[tuple[str, str]], gap: str, comma: bool) -> str:
        inner = f"{gap},{gap}".join(f"{key} = {value}" for key, value in pairs)
        return f"{{{gap}{inner}{',' if comma and pairs else ''}{gap}}}"

    gaps = st.one_of(_BLANKS, _BLANKS, _GAPS)
    return st.builds(build, st.lists(st.tuples(_KEYS, values), max_size=3), gaps, st.booleans())


_VALUES = st.recursive(_SCALARS, lambda inner: st.one_of(_arrays(inner), _inline_tables(inner)), max_leaves=6)
_STATEMENTS = st.builds("{}{} = {}{} # end".format, _BLANKS, _KEYS, _VALUES, _BLANKS)
_HEADERS = st.builds("{}[{}]".format, _BLANKS, _KEYS)
_ARRAY_HEADERS = st.builds("[[{}]]{}".format, _KEYS, _BLANKS)
_LINES = st.one_of(
    _STATEMENTS, _STATEMENTS, _HEADERS, _ARRAY_HEADERS, st.sampled_from(["", "# only = words"])
)
_DOCUMENTS = st.lists(_LINES, max_size=6).map("\n".join)


@unhurried
@given(_DOCUMENTS)
@example('[[a]]\nb = 1\n[[a]]\n[a.c]\nd = 2\n[[a.e]]\n[a.e.f]\n[a."g".h]')
@example("a = [[1, [2]], { b = [ { c.d = 1 } ] }]")
def test_knows_the_same_keys_as_tomli(text: str) -> None:
    try:
        tables = tomli.loads(text)
    except tomli.TOMLDecodeError:
        assume(False)
    try:
        places = locate(text)
    except Misplaced:
        return
    paths = set(_paths(tables))
    assert set(places.keys) == paths
    assert set(places.values) == paths


@pytest.mark.skipif(sys.version_info >= (3, 15), reason="tomllib takes TOML 1.1 itself there")
@unhurried
@given(_DOCUMENTS)
@example("a = { b = 1, }")
@example("a = { b = [1,\n2,\n] }")
@example("a = { # comment\n}")
@example('"\\e" = 1')
@example('a = "\\\\e"')
@example("a = [07:32, 1]")
def test_refuses_what_only_toml_1_1_allows(text: str) -> None:
    try:
        tomli.loads(text)
    except tomli.TOMLDecodeError:
        assume(False)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with pytest.raises(Misplaced):
            locate(text)
    else:
        locate(text)


def test_lines_and_columns_count_from_one() -> None:
    text = dedent(
        """\
        # comment
        [module.loop]
          parameters = { max_loop = 64,  max_part= "ü" , x = 1 }

        [module."snd hda".when]
        device = [
            { subsystem = "usb" },
        ]
        """
    )
    places = locate(text)
    loop = ("module", "loop")
    assert places.key(loop) == (2, 9)
    assert places.key((*loop, "parameters")) == (3, 3)
    assert places.value((*loop, "parameters")) == (3, 16)
    assert places.value((*loop, "parameters", "max_loop")) == (3, 29)
    assert places.key((*loop, "parameters", "max_part")) == (3, 34)
    assert places.key((*loop, "parameters", "x")) == (3, 50)
    device = ("module", "snd hda", "when", "device")
    assert places.value(device) == (6, 10)
    assert places.value((*device, 0)) == (7, 5)
    assert places.value((*device, 0, "subsystem")) == (7, 19)


def test_each_table_of_an_array_has_its_place() -> None:
    places = locate("[[when.device]]\na = 1\n[[when.device]]\nb = 1\n")
    assert places.key(("when", "device")) == (1, 8)
    assert places.key(("when", "device", 0)) == (1, 8)
    assert places.key(("when", "device", 1)) == (3, 8)
    assert places.key(("when", "device", 1, "b")) == (4, 1)


def test_what_has_no_place_is_told_at_what_holds_it() -> None:
    places = locate("\n[module.loop]\n")
    assert places.key(("module", "loop", "state")) == (2, 9)
    assert places.value(("other",)) == (1, 1)


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 40 + "]" * 40, "a = " + "{b=" * 40 + "1" + "}" * 40, "[a" + ".a" * 40 + "]"]
)
def test_depth_has_a_limit(text: str) -> None:
    with pytest.raises(Misplaced) as refused:
        locate(text)
    assert refused.value.too_deep
