"""Rows to lines: widths, wrapping, colour and escapes, without a terminal."""

import pytest

from kmodd.cli.terminal.render import (
    GREEN,
    RED,
    Cell,
    Style,
    columns,
    columns_of,
    fields,
    headline,
    paint,
    table,
    wrap,
)

PLAIN = Style()
COLOUR = Style(colour=True)


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    rows = [(Cell("zfs"), Cell("loaded"), Cell("as declared")), (Cell("ip_vs_rr"), Cell("-"), Cell("no"))]
    assert table(("MODULE", "DESIRED", "MESSAGE"), rows, PLAIN) == [
        "MODULE    DESIRED  MESSAGE",
        "zfs       loaded   as declared",
        "ip_vs_rr  -        no",
    ]


def test_no_line_ends_with_a_blank() -> None:
    assert columns([(Cell("a"), Cell("")), (Cell("bcd"), Cell("e"))], PLAIN) == ["a", "bcd  e"]


def test_the_last_column_wraps_under_itself() -> None:
    rows = [(Cell("loop"), Cell("max_part is 15 where 16 is wanted"))]
    assert columns(rows, Style(width=32), indent=2) == [
        "  loop  max_part is 15 where 16",
        "        is wanted",
    ]


def test_a_text_below_another_has_no_empty_line_before_it_where_it_goes_below() -> None:
    rows = [(Cell("loop"), Cell("in-use"), Cell("by swap")), (Cell(""), Cell(""), Cell("-> wait"))]
    assert columns(rows, Style(width=20)) == ["loop  in-use", "    by swap", "    -> wait"]
    assert columns(rows, PLAIN) == ["loop  in-use  by swap", "              -> wait"]


def test_where_there_is_no_room_beside_the_others_the_last_column_goes_below() -> None:
    rows = [(Cell("a_long_module_name"), Cell("drifted"), Cell("15 where 16 is wanted"))]
    assert columns(rows, Style(width=28)) == [
        "a_long_module_name  drifted",
        "    15 where 16 is wanted",
    ]
    assert columns(rows, Style(width=24)) == [
        "a_long_module_name",
        "    drifted",
        "    15 where 16 is",
        "    wanted",
    ]


def test_a_cell_much_wider_than_others_does_not_push_them_all_to_the_right() -> None:
    rows = [
        (Cell("loop"), Cell("drifted"), Cell("15 where 16 is wanted")),
        (Cell("a_name_of_more_than_a_third_of_the_line"), Cell("failed"), Cell("no file")),
    ]
    assert columns(rows, Style(width=60)) == [
        "loop  drifted  15 where 16 is wanted",
        "a_name_of_more_than_a_third_of_the_line",
        "      failed   no file",
    ]
    assert columns(rows, Style(width=80))[0].index("drifted") == 41


def test_a_cell_that_just_reaches_into_the_next_column_is_not_glued_to_it() -> None:
    rows = [(Cell("a" * 25), Cell("x")), (Cell("b" * 24), Cell("y " * 20))]
    assert columns(rows, Style(width=60))[:2] == ["a" * 25, " " * 26 + "x"]


def test_a_headline_goes_on_below_and_keeps_its_colour() -> None:
    said = Cell("loop"), Cell("drifted", RED), "15 where 16 is wanted"
    assert headline(*said, PLAIN) == ["\N{BLACK CIRCLE} loop is drifted: 15 where 16 is wanted"]
    assert headline(*said, Style(unicode=False)) == ["* loop is drifted: 15 where 16 is wanted"]
    assert headline(*said, Style(colour=True, width=30)) == [
        "\x1b[31m\N{BLACK CIRCLE}\x1b[0m loop is \x1b[31mdrifted\x1b[0m: 15 where",
        "  16 is wanted",
    ]
    assert headline(*said, Style(colour=True, width=9))[:2] == ["\N{BLACK CIRCLE} loop", "  is"]


def test_a_single_column_is_a_text() -> None:
    assert columns([(Cell("one two three four"),)], Style(width=12), indent=2) == [
        "  one two",
        "  three four",
    ]


def test_colour_does_not_count_as_width() -> None:
    rows = [(Cell("a", RED), Cell("x")), (Cell("bcd"), Cell("y", GREEN))]
    assert columns(rows, COLOUR) == ["\x1b[31ma\x1b[0m    x", "bcd  \x1b[32my\x1b[0m"]


def test_each_line_of_a_wrapped_text_has_its_own_colour() -> None:
    (_, *rest) = columns([(Cell("x"), Cell("one two", RED))], Style(colour=True, width=8))
    assert rest == ["    \x1b[31mone\x1b[0m", "    \x1b[31mtwo\x1b[0m"]


def test_control_characters_are_escaped() -> None:
    assert columns([(Cell("\x1b[2J"), Cell("a\nb\u202e"))], PLAIN) == ["\\x1b[2J  a\\nb\\u202e"]


def test_labels_are_right_aligned_and_those_without_a_value_left_out() -> None:
    rows = [("State", [Cell("loaded")]), ("Holders", []), ("Path", [Cell("/a"), Cell("/b")])]
    assert fields(rows, PLAIN, indent=1) == [" State  loaded", "  Path  /a", "        /b"]
    assert fields([("Holders", [])], PLAIN) == []


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 5, [""]),
        ("one two three", 0, ["one two three"]),
        ("one two three", 7, ["one two", "three"]),
        ("one  two", 4, ["one ", "two"]),
        ("/a/path/that/is/long and", 6, ["/a/path/that/is/long", "and"]),
        ("\u4e2d\u6587 x", 5, ["\u4e2d\u6587", "x"]),
    ],
)
def test_wrap(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width) == lines


@pytest.mark.parametrize(
    ("text", "width"), [("loop", 4), ("\u00fc", 1), ("\u4e2d\u6587", 4), ("e\u0301", 1), ("", 0)]
)
def test_columns_of(text: str, width: int) -> None:
    assert columns_of(text) == width


def test_without_colour_nothing_is_painted() -> None:
    assert paint("x", RED, PLAIN) == "x"
    assert paint("\x1b[2J", RED, PLAIN) == "\\x1b[2J"
    assert paint("", RED, COLOUR) == ""
    assert paint("x", "", COLOUR) == "x"
