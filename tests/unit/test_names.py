"""What may name a module or a parameter, and text that may be shown."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import MAX_LENGTH, is_module_name, is_parameter_name, module_name, printable

GOOD = {
    "loop": "loop",
    "snd-pcm": "snd_pcm",
    "snd_pcm": "snd_pcm",
    "8021q": "8021q",
    "_x": "_x",
    "X25": "X25",
    "a" * MAX_LENGTH: "a" * MAX_LENGTH,
}
BAD = ["", "-x", "--", "a/b", "../x", ".", "a.ko", "a b", "a\n", "a\0", "é", "a" * (MAX_LENGTH + 1), "a;b"]


@pytest.mark.parametrize("text", GOOD)
def test_a_name_and_its_canonical_form(text: str) -> None:
    assert module_name(text) == GOOD[text]
    assert module_name(GOOD[text]) == GOOD[text]


@pytest.mark.shows("security 4")
@pytest.mark.parametrize("text", BAD)
def test_what_is_no_name(text: str) -> None:
    assert not is_module_name(text)
    with pytest.raises(KmoddError) as caught:
        module_name(text)
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT


_LETTERS = st.text(st.sampled_from("aZ09_-./\n\0 \u00e9\u0661"), max_size=130)


@given(_LETTERS)
def test_names_are_what_these_patterns_say(text: str) -> None:
    assert is_module_name(text) == (re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,54}", text) is not None)
    is_parameter = re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", text) is not None and text not in (".", "..")
    assert is_parameter_name(text) == is_parameter


@pytest.mark.shows("security 4")
@given(st.text())
def test_any_text_is_a_name_or_a_printable_refusal(text: str) -> None:
    if is_module_name(text):
        assert module_name(text) == text.replace("-", "_")
        return
    with pytest.raises(KmoddError) as caught:
        module_name(text)
    assert str(caught.value).isprintable()


@pytest.mark.shows("security 4")
@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("max_loop", True),
        ("a-b.c", True),
        ("..", False),
        (".", False),
        ("a/b", False),
        ("", False),
        ("a b", False),
        ("a" * 128, True),
        ("a" * 129, False),
    ],
)
def test_parameter_names_can_be_file_names(text: str, good: bool) -> None:
    assert is_parameter_name(text) is good


@pytest.mark.shows("security 8")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("eth0: é ok", "eth0: é ok"),
        ("a\nb", "a\\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202e", "\\u202e"),
        ("\udcff", "\\udcff"),
    ],
)
def test_hostile_text_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.shows("security 8")
@given(st.text(st.characters(exclude_categories=())))
def test_whatever_is_shown_is_printable(text: str) -> None:
    assert printable(text).isprintable()
    printable(text).encode()
