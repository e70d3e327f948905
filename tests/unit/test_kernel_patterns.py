"""Patterns of aliases, and strings that they match."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.kernel.patterns import concrete, matches


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("pci:v00008086d*sv*bc03sc*i*", "pci:v00008086dsvbc03sci"),
        ("fs-ext?", "fs-ext0"),
        ("usb:v0403p600[1-9A-F]d*", "usb:v0403p6001d"),
        ("x[!0-9]y", "xay"),
        ("x[^0-9a-z]y", "xAy"),
        ("x[!0-9a-zA-Z_]y", "x:y"),
        ("x[!ab-]y", "x0y"),
        (r"a\*b\\", "a*b\\"),
        ("", ""),
        ("no pattern", "no pattern"),
        ("broken[", "broken["),
        ("[x]broken[?\\[*", "xbroken[0["),
    ],
)
def test_a_string_is_made_from_a_pattern(pattern: str, text: str) -> None:
    assert concrete(pattern) == text


_PIECES = st.one_of(
    st.text("ab0:_,", max_size=4),
    st.sampled_from(["*", "?", "[a-f]", "[0-9A-F]", "[!0-9]", "[^a]", "[!a-z0-9]", r"\*", r"\\", "[x]"]),
)


@given(st.lists(_PIECES, max_size=12).map("".join))
def test_the_string_is_one_that_the_c_library_takes(pattern: str) -> None:
    assert matches(pattern.encode(), concrete(pattern).encode())


def test_brackets_without_their_other_half_are_seen_at_once() -> None:
    """A test that never ended would say that each of them was looked for on its own."""
    assert concrete("[" * 1_000_000) == "[" * 1_000_000


@given(st.text(max_size=30))
def test_no_pattern_breaks_it(pattern: str) -> None:
    assert len(concrete(pattern)) <= len(pattern)
