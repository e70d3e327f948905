"""The cached catalog: what goes in comes out, and nothing else is believed."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.config import store
from kmodd.config.catalog import FORMAT, decode, encode, read_catalog, write_catalog
from kmodd.model import (
    Catalog,
    Declaration,
    Desired,
    DeviceMatch,
    Parameter,
    ParameterPolicy,
    Ready,
    Settings,
    When,
    WhenGone,
)
from kmodd.names import module_name
from kmodd.shown import Issue, Location, Severity, Source
from tests.support.properties import unhurried

_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).map(module_name)
_LISTS = st.lists(_NAMES, max_size=3).map(tuple)
_TEXTS = st.text(max_size=6)
_PAIRS = st.lists(st.tuples(_TEXTS, _TEXTS), max_size=2).map(tuple)
_PLACES = st.builds(Location, _TEXTS, st.integers(0, 9), st.integers(0, 9))
_TIMES = st.floats(0, 1e6)
_MATCHES = st.builds(DeviceMatch, _TEXTS, _TEXTS, _TEXTS, _PAIRS, _PAIRS)
_CONDITIONS = st.lists(_TEXTS, max_size=2).map(tuple)
_WHEN = st.builds(
    When,
    st.lists(_MATCHES, max_size=2).map(tuple),
    _CONDITIONS,
    _CONDITIONS,
    _CONDITIONS,
    _CONDITIONS,
    _CONDITIONS,
)
_DECLARATIONS = st.builds(
    Declaration,
    _NAMES,
    st.sampled_from(Desired),
    st.lists(st.builds(Parameter, _TEXTS, _TEXTS), max_size=2).map(tuple),
    st.sampled_from(ParameterPolicy),
    *[_LISTS] * 6,
    _WHEN,
    st.sampled_from(WhenGone),
    st.one_of(st.none(), st.builds(Ready, _TEXTS, st.one_of(st.none(), _MATCHES), _TIMES)),
    _TIMES,
    _TEXTS,
    *[st.lists(st.builds(Source, _TEXTS, _TEXTS, _PLACES), max_size=2).map(tuple)] * 2,
)
_ISSUES = st.builds(Issue, st.sampled_from(Severity), _TEXTS, _TEXTS, _TEXTS, _PLACES)
_SETTINGS = st.builds(Settings, st.booleans(), _TIMES, _TIMES, st.integers(0, 9), _TEXTS, _TEXTS)
_CATALOGS = st.builds(
    Catalog,
    _TEXTS,
    st.lists(_DECLARATIONS, max_size=3).map(tuple),
    st.lists(_ISSUES, max_size=2).map(tuple),
    _SETTINGS,
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)),
    max_leaves=5,
)


@unhurried
@given(_CATALOGS)
def test_what_goes_in_comes_out(catalog: Catalog) -> None:
    assert decode(json.loads(json.dumps(encode(catalog)))) == catalog


def test_a_default_takes_no_room() -> None:
    encoded = encode(Catalog("k", (Declaration(module_name("loop")),)))
    assert encoded["declarations"] == [{"name": "loop", "sources": []}]
    assert encoded["settings"] == {}


_SAMPLE = Catalog(
    "key",
    (
        Declaration(
            module_name("loop"),
            parameters=(Parameter("max_loop", "8"),),
            when=When((DeviceMatch(subsystem="usb"),), kernel=(">=6.1",)),
            ready=Ready("/dev/loop0"),
            sources=(Source("state", '"loaded"', Location("/etc/kmodd.d/a.toml", 1, 9)),),
            replaced=(Source("parameters.max_loop", "4", Location("/usr/lib/kmodd.d/0.toml", 2, 1)),),
        ),
    ),
    (Issue(Severity.ERROR, "syntax", "message", "hint", Location("/b.toml", 1, 1)),),
)


@unhurried
@given(st.data())
def test_another_shape_is_refused_and_never_raises_anything_else(data: st.DataObject) -> None:
    value = encode(_SAMPLE)
    holder, key = data.draw(st.sampled_from(list(_slots(value))))
    holder[key] = data.draw(_JSON)
    try:
        assert isinstance(decode(value), Catalog)
    except ValueError:
        return


def _slots(value: Any) -> Any:
    """Every place in nested dicts and lists, as (container, key)."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from _slots(inner)


def test_a_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    assert read_catalog(path) is None
    write_catalog(path, _SAMPLE)
    assert read_catalog(path) == _SAMPLE
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["catalog.json"]


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_a_time_is_a_number_with_an_end(number: float) -> None:
    value = encode(_SAMPLE)
    value["settings"] = {"resync_interval_s": number}
    with pytest.raises(ValueError, match="shape"):
        decode(json.loads(json.dumps(value)))


def test_a_header_of_nothing_but_brackets_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    path.write_bytes(b"[" * 100_000)
    path.chmod(0o600)
    assert read_catalog(path) is None
    with pytest.raises(ValueError, match="deep"):
        store.unpack(FORMAT, b"[" * 100_000)


def test_no_damage_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    write_catalog(path, _SAMPLE)
    good = path.read_bytes()
    for offset in range(len(good)):
        path.write_bytes(good[:offset])
        assert read_catalog(path) is None
        path.write_bytes(good[:offset] + bytes((good[offset] ^ 1,)) + good[offset + 1 :])
        # Blanks in the header say nothing, so that another one there does no harm.
        assert read_catalog(path) in (None, _SAMPLE)


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_what_others_can_write_is_not_believed(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "catalog.json"
    write_catalog(path, _SAMPLE)
    path.chmod(mode)
    assert read_catalog(path) is None


def test_what_is_no_file_is_not_believed(tmp_path: Path) -> None:
    assert read_catalog(tmp_path) is None
    assert read_catalog(tmp_path / "missing" / "catalog.json") is None


def test_another_format_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    store.write(path, f"{FORMAT}0", encode(_SAMPLE), durable=True)
    assert read_catalog(path) is None


def test_a_link_at_the_place_of_the_new_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / ".catalog.json.new").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        write_catalog(tmp_path / "catalog.json", _SAMPLE)
    assert not (tmp_path / "victim").exists()
