"""Parameters as the kernel takes and shows them, held against an independent model of its rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.core.parameters import assignment, boolean, drifted, equal, integer, options_string, split_options
from kmodd.model import Parameter
from kmodd.shown import Drift
from tests.support.kernel_parameters import KernelParameter, parse_arguments

names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
# What the compiler lets through: printable, without double quotes.
values = st.text(
    st.one_of(st.sampled_from(" \t=,-'àĠ\u2003"), st.characters(exclude_categories=("C", "Z"))), max_size=12
).map(lambda text: text.replace('"', ""))


@pytest.mark.parametrize(
    ("kind", "wanted", "found"),
    [
        ("int", "5", "5"),
        ("int", "0x10", "16"),
        ("int", "010", "8"),
        ("int", "-1", "-1"),
        ("int", "+7", "7"),
        ("uint", "4_000", "4_000"),
        ("hexint", "16", "0x10"),
        ("ullong", "0xffffffffffffffff", "18446744073709551615"),
        ("byte", "00", "0"),
        ("bool", "Y", "Y"),
        ("bool", "1", "Y"),
        ("bool", "true", "Y"),
        ("bool", "yes", "Y"),
        ("bool", "on", "Y"),
        ("bool", "off", "N"),
        ("bool", "0", "N"),
        ("invbool", "n", "N"),
        ("bint", "Y", "1"),
        ("charp", "eth0", "eth0"),
        ("charp", "", "(null)"),
        ("charp", "(null)", "(null)"),
        ("string", "", ""),
        ("array of int", "1,2", "1,2"),
        ("array of int", "1,0x2", "1,2,0,0"),
        ("array of bool", "Y,N", "Y,N"),
        ("array of charp", "a,b", "a,b,(null)"),
        ("", "5", "0x5"),
        ("", "Y", "1"),
        ("", "on", "Y"),
        ("", "1,2", "0x1,0x2"),
        ("some_type_of_its_own", "fast", "fast"),
    ],
)
def test_equal(kind: str, wanted: str, found: str) -> None:
    assert equal(kind, wanted, found)


@pytest.mark.parametrize(
    ("kind", "wanted", "found"),
    [
        ("int", "5", "6"),
        ("int", "5", ""),
        ("int", "4_000", "4000"),
        ("int", "Y", "1"),
        ("bool", "Y", "N"),
        ("bool", "maybe", "Y"),
        ("charp", "5", "0x5"),
        ("charp", "Y", "1"),
        ("charp", "a", "(null)"),
        ("array of int", "1,2", "1"),
        ("array of int", "1,2", "2,1"),
        ("", "fast", "N"),
        ("", "network", "0"),
        ("", "one,two", "one,three"),
    ],
)
def test_not_equal(kind: str, wanted: str, found: str) -> None:
    assert not equal(kind, wanted, found)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        (" 12\n", 12),
        ("0x1F", 31),
        ("017", 15),
        ("-0x2", -2),
        ("", None),
        ("0x", None),
        ("1 2", None),
    ],
)
def test_integer(text: str, number: int | None) -> None:
    assert integer(text) == number


@given(
    st.sampled_from(("int", "uint", "long", "hexint", "ushort", "byte", "bool", "invbool", "charp")),
    st.one_of(st.integers(-300, 300).map(str), st.integers(0, 70_000).map(hex), st.sampled_from("YyNn10tf")),
)
def test_what_a_kernel_took_and_shows_is_equal(kind: str, text: str) -> None:
    try:
        shown = KernelParameter(kind).shown(text)
    except OSError:
        return
    assert equal(kind, text, shown)


@given(st.text(st.sampled_from("yYtT1nNfF0oOzZ2"), max_size=3))
def test_boolean_reads_what_the_kernel_reads(text: str) -> None:
    try:
        expected = KernelParameter("bool").shown(text) == "Y"
    except OSError:
        assert boolean(text) is None
    else:
        assert boolean(text) is expected


@given(st.lists(st.tuples(names, values), max_size=5))
def test_the_kernel_reads_options_as_they_were_meant(pairs: list[tuple[str, str]]) -> None:
    parameters = [Parameter(name, value) for name, value in pairs]
    assert parse_arguments(options_string("", parameters)) == pairs


@given(st.lists(st.builds(Parameter, names, values), max_size=5))
def test_splitting_gives_the_assignments_back(parameters: list[Parameter]) -> None:
    assert split_options(options_string("", parameters)) == [assignment(p) for p in parameters]


@given(st.text(st.sampled_from('ab= "\t'), max_size=30))
def test_splitting_is_where_the_kernel_splits(options: str) -> None:
    assert len(split_options(options)) == len(parse_arguments(options))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("5", "p=5"),
        ("", "p="),
        ("a b", 'p="a b"'),
        ("a\tb", 'p="a\tb"'),
        ("à", 'p="à"'),  # its second byte in UTF-8 is the kernel's no-break space
        ("é", "p=é"),
        ("x=y", "p=x=y"),
    ],
)
def test_quoting(value: str, text: str) -> None:
    assert assignment(Parameter("p", value)) == text


@pytest.mark.parametrize(
    ("inherited", "expected"),
    [
        ("", "a-b=1"),
        ("c=2", "c=2 a-b=1"),
        ("a_b=9 c=2 a-b=8", "c=2 a-b=1"),
        ('c="x y" a_b', 'c="x y" a-b=1'),
    ],
)
def test_what_a_file_sets_takes_the_place_of_what_modprobe_d_sets(inherited: str, expected: str) -> None:
    assert options_string(inherited, [Parameter("a-b", "1")]) == expected


def test_drift_and_what_cannot_be_read() -> None:
    wanted = [Parameter("a-b", "1"), Parameter("hidden", "2"), Parameter("same", "0x3")]
    found = {"a_b": "2", "same": "3"}
    drifts, unreadable = drifted(wanted, found, {"a_b": "int", "hidden": "int", "same": "int"})
    assert drifts == (Drift("a-b", "1", "2"),)
    assert unreadable == ("hidden",)
