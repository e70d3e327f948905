"""What is no TOML, told in words of ours with its place."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kmodd.config.fragment import Document
from kmodd.config.reading import Invalid, parse_toml
from tests.support.properties import unhurried


def _told(text: str) -> str:
    with pytest.raises(Invalid) as invalid:
        parse_toml(Document("/a.toml", text))
    (issue,) = invalid.value.issues
    return f"{issue.location.line}:{issue.location.column}: {issue.message}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[module.x]\n[module.y]\n [module.x]",
            "3:10: table [module.x] is declared twice; the first one is in line 1",
        ),
        ("[m]\nx = 1\n x = [\n1,\n2] # end", "3:2: 'm.x' is given twice; the first one is in line 2"),
        (
            "a = { b = 1, c = { b = 2, b = 3 }, , }",
            "1:27: 'a.c.b' is given twice; the first one is in line 1",
        ),
        ("a = 1\na.b = 2", "2:3: 'a' is complete since line 1, so nothing can be added to it"),
        ("[m]\na = { b = 1 }\n[m.a.c]", "3:6: 'm.a' is complete since line 2, so nothing can be added to it"),
        ("[a.b]\n[a]\nb.c = 1", "3:3: 'a.b' is complete since line 1, so nothing can be added to it"),
        (
            "[[a]]\n[a.b]\n[[a]]\n[a.b]\n[a.b]",
            "5:4: table [a[1].b] is declared twice; the first one is in line 4",
        ),
        ("[a]\n[[a]]", "2:3: table [a] is declared twice; the first one is in line 1"),
        ("x y", "1:3: the '=' after a key is missing"),
        ("= 1", "1:1: this is neither a table nor a key"),
        ("a = yes", "1:5: this is no value"),
        ("a = 1 2", "1:7: there is more in the line after the value"),
        ("[a", "1:3: the ']' after a table's name is missing"),
        ("[[a]", "1:4: the ']]' after the name of an array of tables is missing"),
        ("[]", "1:2: a key is missing"),
        ("a = [1 2]", "1:8: the array goes on without ',' or ']'"),
        ("a = { b = 1 c = 2 }", "1:13: the table goes on without ',' or '}'"),
        ('a = "\\d"', "1:8: a single backslash stands in double quotes"),
        ('a = "\\u12"', "1:8: this escape lacks digits"),
        ('a = "\\ud800"', "1:12: this escape is no character of Unicode"),
        ('a = "\\', "1:7: a single backslash stands in double quotes"),
        ('a = "x\n"', "1:7: the string does not end in its line"),
        ('a = "x', "1:7: the string does not end"),
        ("a = '''x", "1:9: the string does not end"),
        ("a = 1 # \x01", "1:9: a control character stands here"),
        ('a = "\x01"', "1:6: a control character stands here"),
        ("a = 2024-02-30", "1:5: there is no such date or time"),
        ("a = " + "9" * 5000, "1:5: this number has thousands of digits"),
    ],
)
def test_what_is_no_toml_is_told_in_words(text: str, told: str) -> None:
    assert _told(text) == told


_NAMES = st.sampled_from(["a", "b", "a.b", "a.b.c", "b.a"])
_VALUES = st.sampled_from(
    ["1", "[]", "[{}]", "{ }", "{ a = 1 }", "{ a.b = 1, a.c = 2 }", '"""\n"""', "{ b = {"]
)
_LINES = st.one_of(
    _NAMES.map("[{}]".format), _NAMES.map("[[{}]]".format), st.builds("{} = {}".format, _NAMES, _VALUES)
)


@unhurried
@given(st.lists(_LINES, max_size=6).map("\n".join))
@example("[[a]]\n[a.b]\n[[a]]\na.b = 1\n[a.b]\n")
def test_what_comes_twice_is_told_where_it_comes_again(text: str) -> None:
    try:
        parse_toml(Document("/a.toml", text))
    except Invalid as invalid:
        (issue,) = invalid.issues
        assert "not TOML: " not in issue.message
        first = [word for word in issue.message.split() if word.isdecimal()]
        assert all(0 < int(line) <= issue.location.line for line in first)
