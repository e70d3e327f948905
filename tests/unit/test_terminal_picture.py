"""What a terminal shows as SVG: text, places and colours."""

from kmodd.cli.terminal.render import GREEN
from kmodd.cli.terminal.svg import COLOURS, LETTER
from tests.support.svg import parsed
from tests.support.terminal_picture import drawn


def test_pieces_stand_at_their_columns_in_their_colours() -> None:
    root = parsed(
        drawn("a title", ["$ kmoddctl", "", "\x1b[32m\u25cf\x1b[0m is <in>", "\x1b[1mM\x1b[0m"]).splitlines()
    )
    found = [
        (e.text, e.get("fill"), e.get("font-weight"), float(e.get("x", 0)))
        for e in root
        if e.tag.endswith("text")
    ]
    left = found[0][3]
    plain = COLOURS[""]
    assert found == [
        ("$ kmoddctl", plain, None, left),
        ("\u25cf", COLOURS[GREEN], None, left),
        ("is <in>", plain, None, left + 2 * LETTER),
        ("M", plain, "bold", left),
    ]
