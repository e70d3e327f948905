"""Contradictions, and which file steps back for each."""

from collections.abc import Iterator, Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.config.contradictions import find_contradictions
from kmodd.config.cycles import MAX_CYCLES, Edge, find_cycles
from kmodd.config.fragment import Document
from kmodd.config.issues import joined
from kmodd.config.parse import parse_fragment
from kmodd.config.settle import Candidate, Settled, Version, settle
from kmodd.names import ModuleName
from kmodd.shown import Location
from tests.support.properties import unhurried


def _version(name: str, text: str) -> Version:
    document = Document(f"/etc/{name}", text)
    fragment, issues = parse_fragment(name, document)
    assert fragment is not None, issues
    return Version(document, fragment)


def _settle(files: Mapping[str, tuple[str, ...]], unchanged: frozenset[str] = frozenset()) -> Settled:
    """Each file with its versions, best first."""
    return settle(
        Candidate(name, tuple(_version(name, text) for text in texts), name not in unchanged)
        for name, texts in files.items()
    )


_DENY = '[module.x]\nstate = "denied"\n'
_REQUIRE = '[module.y]\nrequires = ["x"]\n'


@pytest.mark.parametrize("unchanged", [frozenset[str](), frozenset(("a", "b"))])
def test_of_equals_the_later_file_steps_back(unchanged: frozenset[str]) -> None:
    assert _settle({"a": (_DENY,), "b": (_REQUIRE,)}, unchanged).refused == {"b"}
    assert _settle({"b": (_DENY,), "a": (_REQUIRE,)}, unchanged).refused == {"b"}


def test_what_has_changed_steps_back_before_what_has_not() -> None:
    settled = _settle({"a": (_DENY, "[module.x]\n"), "b": (_REQUIRE,)}, frozenset(("b",)))
    assert settled.refused == {"a"}
    assert {name: version.document.text for name, version in settled.in_force.items()} == {
        "a": "[module.x]\n",
        "b": _REQUIRE,
    }


def test_a_last_good_version_can_have_to_go_too() -> None:
    # Both versions of b need what a forbids, and a is as it was.
    settled = _settle({"a": (_DENY,), "b": (_REQUIRE + "# new\n", _REQUIRE)}, frozenset(("a",)))
    assert set(settled.in_force) == {"a"}
    assert [issue.code for issue in settled.issues] == ["denied-but-required"]


def test_one_step_can_solve_several_contradictions() -> None:
    settled = _settle({"a": (_REQUIRE,), "b": (_REQUIRE.replace("y", "z"),), "c": (_DENY,)})
    assert settled.refused == {"c"}
    assert len(settled.issues) == 1


def _found(text: str) -> list[str]:
    settled = _settle({"a": (text,)})
    return [issue.code for issue in settled.issues]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ('[module.x]\nstate = "unloaded"\n[module.y]\nrequires = ["x"]', ["denied-but-required"]),
        ('[module.x]\nstate = "denied"\n[module.y]\nwants = ["x"]', []),
        ('[module.x]\nstate = "denied"\n[module.y]\nafter = ["x"]', []),
        ('[module.x]\nstate = "denied"\n[module.y]\nstate = "auto"\nrequires = ["x"]', []),
        ('[module.x]\nstate = "denied"\nwhen.kernel = "<6"\n[module.y]\nrequires = ["x"]', []),
        (
            '[module.x]\nstate = "denied"\nwhen.kernel = []\n[module.y]\nrequires = ["x"]',
            ["denied-but-required"],
        ),
        ('[module.x]\nstate = "denied"\n[module.y]\nrequires = ["x"]\nwhen.kernel = "<6"', []),
        (
            '[module.x]\nstate = "denied"\n[module.y]\nrequires = ["x"]\nwhen.kernel = "<6"\n'
            '[module.z]\nrequires = ["y"]',
            ["denied-but-required"],
        ),
        ('[module.a]\nreplaces = ["b"]\n[module.c]\nrequires = ["b"]', ["replaced-but-required"]),
        (
            '[module.a]\nreplaces = ["b"]\n[module.b]\nstate = "auto"\n[module.d]\nstate = "auto"\n'
            'requires = ["b"]\n[module.c]\nrequires = ["d"]',
            ["replaced-but-required"],
        ),
        ('[module.a]\nreplaces = ["b"]\n[module.c]\nwants = ["b"]', []),
        ('[module.a]\nreplaces = ["b"]\n[module.c]\nrequires = ["b"]\nwhen.kernel = ">=6"', []),
        ('[module.a]\nreplaces = ["b"]\nstate = "auto"\n[module.c]\nrequires = ["b"]', []),
        (
            '[module.a]\nreplaces = ["b"]\nrequires = ["b"]\n[module.c]\nrequires = ["a"]',
            ["conflicts-with-required"],
        ),
        ('[module.a]\nwants = ["b"]\n[module.b]\nwants = ["a"]', []),
        ('[module.a]\nbefore = ["b"]\n[module.b]\nbefore = ["a"]', ["order-cycle"]),
        ('[module.a]\nrequires = ["b"]\nafter = ["b"]', []),
        ('[module.a]\nconflicts = ["b"]\n[module.b]\n', []),
        ('[module.a]\nconflicts = ["b"]\nwants = ["b"]', []),
        ('[module.a]\nreplaces = ["b"]\nwhen.kernel = ">=6"\n[module.b]\n', []),
        ('[module.a]\nreplaces = ["b"]\n[module.b]\nstate = "auto"', []),
        ('[module.a]\nstate = "denied"\nrequires = ["b"]\nconflicts = ["b"]', []),
        ('[module.a]\nready = { path_exists = "/x", timeout = "1s" }', []),
        ("[module.a]\nready = {}", []),
    ],
)
def test_what_contradicts_and_what_does_not(text: str, codes: list[str]) -> None:
    assert _found(text) == codes


_MODULES = st.sampled_from("abcd")
_LISTS = st.sampled_from(["after", "before", "requires", "conflicts", "replaces"])
_LINES = st.one_of(
    st.builds("{} = [{!r}]".format, _LISTS, _MODULES),
    st.builds("state = {!r}".format, st.sampled_from(["loaded", "denied", "auto"])),
)
_TEXTS = st.builds(
    lambda module, lines: "\n".join(
        [
            f"[module.{module}]",
            *{line.split()[0]: line for line in lines if f"[{module!r}]" not in line}.values(),
        ]
    ),
    _MODULES,
    st.lists(_LINES, max_size=3),
)
_FILES = st.dictionaries(st.sampled_from(["10", "20", "30", "40"]), st.lists(_TEXTS, max_size=2).map(tuple))


@unhurried
@given(_FILES, st.randoms())
def test_it_always_comes_to_rest_without_contradictions(
    files: dict[str, tuple[str, ...]], random: Random
) -> None:
    settled = _settle(files)
    assert list(find_contradictions(settled.merged)) == []
    # Nobody steps back for nothing, and the order in which files are listed decides nothing.
    assert bool(settled.refused) == bool(settled.issues)
    names = list(files)
    random.shuffle(names)
    assert _settle({name: files[name] for name in names}) == settled


def _edges(pairs: list[tuple[int, int]]) -> Iterator[Edge]:
    for first, then in pairs:
        yield Edge(ModuleName(str(first)), ModuleName(str(then)), "", Location("/a"))


@unhurried
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14))
def test_a_cycle_is_found_exactly_when_there_is_one(pairs: list[tuple[int, int]]) -> None:
    cycles = list(find_cycles(_edges(pairs)))
    for cycle in cycles:
        assert all(
            edge.then == following.first
            for edge, following in zip(cycle, (*cycle[1:], cycle[0]), strict=True)
        )
    assert bool(cycles) == _has_cycle(set(pairs))


def _has_cycle(pairs: set[tuple[int, int]]) -> bool:
    """Take away what nothing comes before, until nothing is left or nothing goes."""
    nodes = {node for pair in pairs for node in pair}
    while free := nodes - {then for first, then in pairs if first in nodes}:
        nodes -= free
    return bool(nodes)


def test_a_knot_without_end_is_told_in_part() -> None:
    pairs = [(first, then) for first in range(40) for then in range(40)]
    assert len(list(find_cycles(_edges(pairs)))) == MAX_CYCLES


def test_long_lists_are_counted() -> None:
    assert joined(["a", "b"]) == "a, b"
    assert joined(list("abcdefghijklm")) == "a, b, c, d, e, f, g, h, i, j and 3 more"
