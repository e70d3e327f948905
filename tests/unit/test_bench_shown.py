"""The table and the picture of a run, and the digest of importtime."""

import math
import re
from xml.etree import ElementTree

import pytest

from bench.documents import Run
from bench.picture import Scale, draw
from bench.reports.digest import digest, own_times, owner
from bench.series import Comparison, Series
from bench.table import quantity, render

SVG = "{http://www.w3.org/2000/svg}"
RUN = Run(
    {"cores": "2", "guest": "User Mode Linux 6.1"},
    (
        Comparison(
            "ready / x", Series("kmodd", "s", (0.2, 0.1, 0.3)), Series("x", "s", (0.1, 0.1, 0.1)), 2.0
        ),
        Comparison("pass / <y>", Series("kmodd", "s", (0.01,)), Series("y & z", "s", (5.0,)), 0.001),
        Comparison("memory / x", Series("kmodd", "KiB", (20480.0,)), Series("x", "KiB", (10240.0,))),
    ),
    ("something is not measured",),
)

CELLS = [
    line.split("|")
    for line in (
        "what|kmodd|beside|ratio|of the least|target|baseline|runs",
        "ready / x|200 ms (100 .. 300)|x|100 ms (100 .. 100)|2 (1 .. 3)|1|<= 2 met|1.5|3",
        "pass / <y>|10 ms (10 .. 10)|y & z|5000 ms (5000 .. 5000)|0.002 (0.002 .. 0.002)|0.002"
        "|<= 0.001 MISSED|-|1",
        "memory / x|20 MiB (20 .. 20)|x|10 MiB (10 .. 10)|2 (2 .. 2)|2|-|-|1",
    )
]


def test_the_table_has_a_line_for_each_then_notes_then_the_machine() -> None:
    head, blank, *table, note, gap, machine = render(RUN, {"ready / x": 1.5}).splitlines()
    assert head.endswith("less is better")
    assert [re.split(" {2,}", line) for line in table] == CELLS
    assert note == "- something is not measured"
    assert machine == "measured on: cores 2, guest User Mode Linux 6.1"
    assert (blank, gap) == ("", "")


def test_the_columns_of_the_table_are_aligned() -> None:
    lines = render(RUN, {}).splitlines()[2:6]
    assert len({lines[row].index(CELLS[row][4 if row else 3]) for row in range(4)}) == 1


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123456, "s", "12.3 ms"),
        (1.5, "s", "1500 ms"),
        (0.0000004, "s", "0.000400 ms"),
        (1536, "KiB", "1.5 MiB"),
    ],
)
def test_a_quantity_is_shown_with_three_figures(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


def test_an_unknown_unit_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="furlong"):
        quantity(1.0, "furlong")


def test_the_picture_is_well_formed_and_has_a_bar_for_each() -> None:
    picture = ElementTree.fromstring(draw(RUN, {"ready / x": 1.5}))  # noqa: S314
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert {"ready / x", "pass / <y>", "memory / x"} <= set(texts)
    bars = [bar.get("class") for bar in picture.iter(f"{SVG}rect") if bar.get("class")]
    assert bars == ["worse", "better", "worse"]
    assert len(list(picture.iter(f"{SVG}circle"))) == 1
    targets = [line for line in picture.iter(f"{SVG}line") if line.get("class") == "target"]
    assert len(targets) == 2


def test_everything_in_the_picture_lies_inside() -> None:
    picture = ElementTree.fromstring(draw(RUN, {"pass / <y>": 40.0}))  # noqa: S314
    width = float(picture.get("width", "0"))
    positions = [float(line.get(end, "0")) for line in picture.iter(f"{SVG}line") for end in ("x1", "x2")]
    positions += [
        float(bar.get("x", "0")) + float(bar.get("width", "0")) for bar in picture.iter(f"{SVG}rect")
    ]
    assert all(0 <= position <= width for position in positions)


def test_the_scale_goes_by_powers_of_ten_and_has_room_for_one() -> None:
    scale = Scale(0.002, 3.0)
    assert (scale.low, scale.high) == (-3, 1)
    step = scale.x(0.1) - scale.x(0.01)
    assert math.isclose(scale.x(1.0) - scale.x(0.1), step)
    assert Scale.over(Run({}, (RUN.comparisons[0],)), {}).low <= 0


IMPORTS = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   asyncio.events
import time:       300 |        400 | asyncio
import time:       500 |        500 |       os
import time:      1100 |       1600 | kmodd.daemon.app
kmodd: something that it logged
import time:       250 |        250 | pyudev._ctypeslib.libudev
"""


def test_own_times_are_read_and_other_lines_passed_over() -> None:
    assert dict(own_times(IMPORTS.splitlines())) == {
        "asyncio.events": 100,
        "asyncio": 300,
        "os": 500,
        "kmodd.daemon.app": 1100,
        "pyudev._ctypeslib.libudev": 250,
    }


@pytest.mark.parametrize(
    ("module", "whose"),
    [
        ("asyncio.events", "asyncio"),
        ("_io", "standard library"),
        ("xml.etree", "standard library"),
        ("kmodd.model", "kmodd"),
    ],
)
def test_a_module_belongs_to_a_distribution(module: str, whose: str) -> None:
    assert owner(module) == whose


def test_the_digest_sums_by_owner_and_names_the_dearest() -> None:
    lines = digest(IMPORTS.splitlines()).splitlines()
    assert lines[0] == "imports of a start: 5 modules, 2 ms"
    assert lines[3:7] == [
        "     1.1 ms   48.9%  kmodd",
        "     0.5 ms   22.2%  standard library",
        "     0.4 ms   17.8%  asyncio",
        "     0.2 ms   11.1%  pyudev",
    ]
    assert lines[9] == "     1.1 ms   48.9%  kmodd.daemon.app"
