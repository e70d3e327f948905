"""Named tuples, held against those of the standard library, which they are to whoever checks types."""

from __future__ import annotations

import pickle
import typing
from collections.abc import Callable
from typing import Any

import pytest

from kmodd import named_tuple


class Ours(named_tuple.NamedTuple):
    """One field that has to be given, two that need not."""

    name: str
    size: int = 3
    tags: tuple[str, ...] = ()

    @property
    def loud(self) -> str:
        """A property of our own."""
        return self.name.upper()

    def __str__(self) -> str:
        return self.loud


class Theirs(typing.NamedTuple):
    """The same."""

    name: str
    size: int = 3
    tags: tuple[str, ...] = ()

    @property
    def loud(self) -> str:
        """A property of our own."""
        return self.name.upper()

    def __str__(self) -> str:
        return self.loud


class Bare(named_tuple.NamedTuple):
    """No fields."""


_USES: dict[str, Callable[[Any], Any]] = {
    "one value": lambda of: of("a"),
    "all values": lambda of: of("a", 1, ("x",)),
    "by name": lambda of: of(size=1, name="a"),
    "both ways": lambda of: of("a", tags=("x",)),
    "of a list": lambda of: of._make(["a", 1, ()]),
    "another one": lambda of: of("a")._replace(size=9, tags=("y",)),
    "as a dictionary": lambda of: of("a")._asdict(),
    "fields": lambda of: (of._fields, of._field_defaults, of.__match_args__),
    "attributes": lambda of: (of("a").name, of("a").size, of("a").tags, of("a").loud),
    "index": lambda of: (of("a")[0], of("a")[1:], len(of("a"))),
    "equality": lambda of: (of("a") == of("a"), of("a") == of("b"), of("a") == ("a", 3, ())),
    "hash": lambda of: hash(of("a")),
    "order": lambda of: sorted([of("b"), of("a", 4), of("a", 3)]),
    "text": lambda of: (str(of("a")), repr(of("a")).partition("(")[2]),
    "pickled": lambda of: pickle.loads(pickle.dumps(of("a"))),  # noqa: S301  our own
    "unpacked": lambda of: [*of("a")],
}
_MISUSES: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda of: of(),
    "too much": lambda of: of("a", 1, (), 2),
    "twice": lambda of: of("a", name="b"),
    "unknown": lambda of: of("a", other=1),
    "too little of a list": lambda of: of._make(["a"]),
    "an unknown one in the place": lambda of: of("a")._replace(other=1),
    "set": lambda of: setattr(of("a"), "name", "b"),
    "set what is not there": lambda of: setattr(of("a"), "other", "b"),
}


@pytest.mark.parametrize("use", _USES.values(), ids=_USES)
def test_one_of_ours_is_used_as_a_named_tuple(use: Callable[[Any], Any]) -> None:
    assert use(Ours) == use(Theirs)


@pytest.mark.parametrize("misuse", _MISUSES.values(), ids=_MISUSES)
def test_one_of_ours_refuses_what_a_named_tuple_refuses(misuse: Callable[[Any], Any]) -> None:
    for of in (Ours, Theirs):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            misuse(of)


def test_one_of_ours_is_matched_by_its_fields() -> None:
    match Ours("a", 4):
        case Ours(name, size=4):
            assert name == "a"
        case other:
            pytest.fail(repr(other))


def test_one_of_ours_may_have_no_fields() -> None:
    assert Bare() == ()
    assert repr(Bare()) == "Bare()"
