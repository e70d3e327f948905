"""Every target with what hypothesis makes of its corpus: bytes exchanged anywhere, other values in JSON."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.table import CORPUS, TARGETS
from tests.fuzz.targets import bus
from tests.support.properties import unhurried

_LONGEST = 2048
_DAMAGE = st.lists(st.tuples(st.integers(0, _LONGEST), st.integers(0, 8), st.binary(max_size=8)), max_size=4)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.just("loop")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    yield
    bus.close()


def _inputs(name: str) -> list[bytes]:
    contents = (path.read_bytes() for path in sorted((CORPUS / name).iterdir()))
    return [content for content in contents if len(content) <= _LONGEST]


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_no_damage_of_an_input_breaks_a_target(name: str) -> None:
    check = TARGETS[name].load()

    @unhurried
    @given(st.sampled_from(_inputs(name)), _DAMAGE)
    def damaged(data: bytes, damage: list[tuple[int, int, bytes]]) -> None:
        for offset, cut, junk in damage:
            at = offset % (len(data) + 1)
            data = data[:at] + junk + data[at + cut :]
        check(data)

    damaged()


def _slots(value: Any) -> Iterator[Callable[[Any], None]]:
    """What puts another value into each place of a document, at any depth."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield partial(value.__setitem__, key)
        yield from _slots(inner)


def _documents(name: str) -> list[Any]:
    found = []
    for content in _inputs(name):
        try:
            found.append(json.loads(content))
        except (ValueError, RecursionError):
            continue
    return [document for document in found if list(_slots(document))]


@pytest.mark.parametrize("name", sorted(filter(_documents, TARGETS)))
def test_no_other_value_in_a_document_breaks_a_target(name: str) -> None:
    check = TARGETS[name].load()

    @unhurried
    @given(st.sampled_from([json.dumps(document) for document in _documents(name)]), st.data())
    def exchanged(text: str, data: st.DataObject) -> None:
        document = json.loads(text)
        put = data.draw(st.sampled_from(list(_slots(document))))
        put(data.draw(_JSON))
        check(json.dumps(document).encode())

    exchanged()
