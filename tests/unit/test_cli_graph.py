"""The graph of modules and the timeline of their loads, from records, without a daemon."""

import pytest

from kmodd.cli.look import timeline as times
from kmodd.cli.look.graph import dot, svg, text
from kmodd.cli.look.graph_model import Edge, Node, graph, ranks
from kmodd.cli.look.timeline import BREAK_US, Load, loads, occasions
from kmodd.cli.terminal.render import Style
from kmodd.names import ModuleName
from kmodd.shown import Condition, Location, ModuleState, ModuleStatus, Source, Stage
from tests.bus.manager import status
from tests.support.svg import NAMESPACE, parsed, texts

_HOSTILE = 'a"<script>&\\\x1b'


def module(name: str, *dependencies: str, **declared: str) -> ModuleStatus:
    """A module with dependencies, and keys with values as files have them."""
    sources = tuple(Source(key, value, Location("/a.toml", 1)) for key, value in declared.items())
    names = tuple(map(ModuleName, dependencies))
    return status(name, dependencies=names, sources=sources)


def edges(nodes: tuple[Node, ...]) -> dict[str, dict[str, str]]:
    """What goes before each, and why."""
    return {node.module: {edge.module: edge.kind for edge in node.edges} for node in nodes}


def test_dependencies_go_first_and_what_these_need_is_not_repeated() -> None:
    nodes = graph([module("a", "b", "c"), module("b", "c"), module("c")])
    assert edges(nodes) == {"c": {}, "b": {"c": "needs"}, "a": {"b": "needs"}}
    assert ranks(nodes) == {"c": 0, "b": 1, "a": 2}


def test_files_give_edges_with_their_keys() -> None:
    nodes = graph(
        [
            module("a", requires='["x-y"]', wants='["w"]', after='["z"]'),
            module("b", before='["a"]', state='"loaded"'),
            module("x_y"),
        ]
    )
    assert edges(nodes)["a"] == {"b": "after", "w": "wants", "x_y": "requires", "z": "after"}
    assert [node.module for node in nodes if not node.state] == ["w", "z"]
    assert [node.module for node in nodes][-1] == "a"


@pytest.mark.parametrize("value", ["[", "3", '{"a": 1}', '["no such name", 3, "a"]', '"a"'])
def test_odd_provenance_makes_no_odd_edges(value: str) -> None:
    (*others, last) = graph([module("b", after=value)])
    assert [node.module for node in others] in ([], ["a"])
    assert last.module == "b"


def test_a_cycle_is_shown_and_ends_nothing() -> None:
    nodes = graph([module("a", after='["b"]'), module("b", after='["c"]'), module("c", after='["a"]')])
    assert sorted(node.module for node in nodes) == ["a", "b", "c"]
    assert edges(nodes) == {"a": {"b": "after"}, "b": {"c": "after"}, "c": {"a": "after"}}
    assert set(ranks(nodes)) == {"a", "b", "c"}
    parsed(svg(nodes))


def test_text_is_numbered_and_says_why() -> None:
    nodes = graph([module("a", "b", wants='["w"]'), module("b")])
    assert text(nodes, Style()) == [
        "ORDER  MODULE  STATE   CONDITION  AFTER",
        "1      b       loaded  in-sync",
        "2      w       -       -",
        "3      a       loaded  in-sync    b, w (wants)",
    ]
    assert "\x1b[32min-sync" in "\n".join(text(nodes, Style(colour=True)))
    assert text((), Style()) == ["no file declares a module"]


def test_dot_escapes_and_has_every_edge() -> None:
    hostile = Node(ModuleName(_HOSTILE), state="loaded", edges=(Edge(ModuleName("b"), "wants"),))
    lines = list(dot((Node(ModuleName("b")), hostile)))
    name = '"a\\"<script>&\\\\\\\\x1b"'
    assert lines[0] == "digraph kmodd {"
    assert lines[-1] == "}"
    assert f'  "b" -> {name} [style=dashed, tooltip="wants"];' in lines
    assert f'  {name} [label={name[:-1]}\\nloaded", color="#37474f"];' in lines


def test_svg_is_xml_with_every_module_edge_and_colour() -> None:
    broken = module("a", "b")._replace(condition=Condition.FAILED, state=ModuleState.NOT_LOADED)
    root = parsed(svg(graph([broken, module("b")])))
    assert texts(root) == ["b", "a"]
    assert len(list(root.iter(f"{NAMESPACE}path"))) == 1
    frames = [each for each in root.iter(f"{NAMESPACE}rect") if each.get("stroke")]
    assert [each.get("stroke") for each in frames] == ["#2e7d32", "#c62828"]
    assert [title.text for each in frames for title in each] == [
        "b loaded in-sync",
        "a not-loaded failed b",
    ]


def test_svg_of_hostile_text_and_of_nothing() -> None:
    root = parsed(svg((Node(ModuleName(_HOSTILE)),)))
    assert texts(root) == ['a"<script>&\\\\x1b']
    assert list(root.iter("script")) == []
    assert texts(parsed(svg(()))) == []


def load(name: str, begun_us: int, duration_us: int, *stages: Stage) -> Load:
    """A load after a fixed moment."""
    start = 1_700_000_000_000_000
    return Load(ModuleName(name), start + begun_us, start + begun_us + duration_us, duration_us, stages)


def test_loads_are_those_of_kmodd_in_the_order_of_their_beginnings() -> None:
    end = 1_700_000_000_000_000
    late = status("late", loaded_us=end + 50, load_duration_us=10)
    early = status("early", loaded_us=end + 60, load_duration_us=60)
    theirs = status("theirs", loaded_us=0)
    assert [(each.module, each.begun_us - end) for each in loads([late, theirs, early])] == [
        ("early", 0),
        ("late", 40),
    ]


def test_a_long_pause_makes_another_occasion() -> None:
    first, slow = load("a", 0, BREAK_US * 3), load("b", 10, 5)
    near, far = load("c", BREAK_US * 4, 5), load("d", BREAK_US * 6, 5)
    assert occasions((first, slow, near, far)) == [(first, slow, near), (far,)]
    assert occasions(()) == []


def test_the_text_has_a_row_and_a_bar_for_each_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "time_text", lambda _us: "WHEN")
    found = (load("a", 0, 1000, Stage("find", 200), Stage("insert", 800)), load("b", 1000, 1000))
    assert list(times.text(occasions(found), Style())) == [
        "WHEN: 2 modules in 2.0 ms",
        f"  +0.0 ms  1.0 ms  |{'=' * 20}{' ' * 20}|  a  find 0.2, insert 0.8",
        f"  +1.0 ms  1.0 ms  |{' ' * 20}{'=' * 20}|  b",
    ]
    assert list(times.text([], Style())) == ["kmodd has loaded nothing in this boot"]


def test_the_shortest_load_has_a_bar_within_the_axis() -> None:
    found = (load("a", 0, 10_000_000), load("b", 10_000_000, 0), load("c", 0, 0))
    rows = list(times.text(occasions(found), Style()))[1:]
    bars = [row.split("|")[1] for row in rows]
    assert {len(bar) for bar in bars} == {40}
    assert all("=" in bar for bar in bars)


def test_the_picture_has_a_bar_for_each_stage() -> None:
    stages = (Stage("find", 200), Stage("<insert>", 800))
    groups = occasions((load("a", 0, 1000, *stages), load("b", BREAK_US * 2, 7)))
    root = parsed(times.svg(groups))
    tips = [title.text for each in root.iter(f"{NAMESPACE}rect") for title in each]
    assert tips == ["a: find 0.2 of 1.0 ms", "a: <insert> 0.8 of 1.0 ms", "b: load 0.0 of 0.0 ms"]
    boxes = [each for each in root.iter(f"{NAMESPACE}rect") if len(each)]
    right, left = (float(boxes[0].get(key, "")) for key in ("width", "x"))
    assert left + right == pytest.approx(float(boxes[1].get("x", "")))
    assert float(boxes[1].get("width", "")) == pytest.approx(4 * right)


def test_the_picture_of_nothing_says_so() -> None:
    root = parsed(times.svg([]))
    assert texts(root) == ["kmodd has loaded nothing in this boot"]
