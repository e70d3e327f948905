"""The schemas for editors: made from the models, and of one opinion with the compiler."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from kmodd.config.fragment import Document
from kmodd.config.json_schema import FILES, json_schema, main, text
from kmodd.config.parse import parse_fragment, parse_settings
from kmodd.config.schema import FileTable, ModuleTable, SettingsTable
from kmodd.config.sentences import SENTENCES
from kmodd.config.toml_text import toml_text
from kmodd.config.values import duration_text, seconds
from tests.support.properties import unhurried

_ROOT = Path(__file__).parents[2]
_ETC = _ROOT / "etc"
_GOLDEN = _ROOT / "tests" / "golden" / "config"
_DROP_IN = Draft7Validator(json_schema(FileTable, "kmodd.d(5)"))
_SETTINGS = Draft7Validator(json_schema(SettingsTable, "kmodd.toml(5)"))
_INSTALLED = "file:///usr/share/kmodd/schema"


def _files() -> Iterator[Path]:
    """Examples, the settings, and whatever the golden cases have."""
    yield from sorted((_ETC / "kmodd.d").iterdir())
    yield _ETC / "kmodd" / "kmodd.toml"
    yield from sorted(_GOLDEN.rglob("*.d/*.toml"))
    yield from sorted(_GOLDEN.rglob("etc/kmodd/kmodd.toml"))


def _is_right(path: Path) -> bool:
    document = Document(path.name, path.read_text())
    parse = parse_settings if path.name == "kmodd.toml" else _parse
    return parse(document)[0] is not None


def _parse(document: Document) -> tuple[object, object]:
    return parse_fragment("a.toml", document)


def _validator(path: Path) -> Draft7Validator:
    return _SETTINGS if path.name == "kmodd.toml" else _DROP_IN


@pytest.mark.parametrize("name", FILES)
def test_what_ships_is_what_the_models_say(name: str, tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 0
    assert (_ETC / "schema" / name).read_text() == (tmp_path / name).read_text() == text(*FILES[name])
    Draft7Validator.check_schema(json.loads(text(*FILES[name])))


def test_it_is_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kmodd.config.json_schema", str(tmp_path)]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b""
    assert sorted(os.listdir(tmp_path)) == sorted(FILES)


@pytest.mark.parametrize("table", SENTENCES, ids=lambda table: table.__name__)
def test_every_key_has_its_sentence_and_every_sentence_its_key(table: type[ModuleTable]) -> None:
    assert list(SENTENCES[table]) == list(table.model_fields)
    for sentence in SENTENCES[table].values():
        assert sentence.endswith(".")


def _tables(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema in a schema that has keys of its own."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
            yield schema
        for inner in schema.values():
            yield from _tables(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _tables(inner)


@pytest.mark.parametrize("name", FILES)
def test_tables_take_no_other_keys_and_each_key_is_described(name: str) -> None:
    tables = list(_tables(json_schema(*FILES[name])))
    assert tables
    for table in tables:
        assert table["additionalProperties"] is False
        for key, schema in table["properties"].items():
            assert schema["title"] == key
            assert schema["description"]


def test_a_default_is_written_as_in_a_file() -> None:
    properties = json_schema(SettingsTable, "")["properties"]
    written = {key: toml_text(value["default"]) for key, value in properties.items() if "default" in value}
    lines = "\n".join(f"{key} = {value}" for key, value in written.items())
    assert set(written) == set(SettingsTable.model_fields)
    assert parse_settings(Document("kmodd.toml", lines)) == parse_settings(Document("kmodd.toml", ""))


@pytest.mark.parametrize("path", [path for path in _files() if path.suffix == ".example" or _is_right(path)])
def test_what_is_right_is_valid(path: Path) -> None:
    assert [error.message for error in _validator(path).iter_errors(tomli.loads(path.read_text()))] == []


@pytest.mark.parametrize("path", [*sorted((_ETC / "kmodd.d").iterdir()), _ETC / "kmodd" / "kmodd.toml"])
def test_examples_name_the_schema_that_is_theirs(path: Path) -> None:
    name = "kmodd.toml" if path.name == "kmodd.toml" else "kmodd.d"
    assert path.read_text().startswith(f"#:schema {_INSTALLED}/{name}.schema.json\n")


@pytest.mark.parametrize(
    "line",
    [
        "unknown = 1",
        "state = 1",
        'state = "lodaed"',
        'on_parameter_change = "restart"',
        "when_gone = false",
        'requires = "ip_vs"',
        'requires = ["../x"]',
        'after = ["-x"]',
        "parameters = [1]",
        "parameters.x = []",
        "parameters.x = [[1]]",
        "parameters.x = { y = 1 }",
        "parameters.x = 'say \"hi\"'",
        'parameters.x = ["a,b"]',
        'parameters."a b" = 1',
        'parameters.x = "a\\tb"',
        "load_timeout = 30",
        'load_timeout = "30 s"',
        'load_timeout = "0s"',
        'reason = "a\\nb"',
        'reason = ["because"]',
        "when.kernel = 6",
        'when.kernel = ""',
        'when.kernel = ["!!6"]',
        'when.path_exists = "run/x"',
        'when.dmi = "LENOVO"',
        'when.nothing = "x"',
        "when.device = {}",
        "when.device = [{}]",
        'when.device = { modalias = "" }',
        'when.device = { idVendor = "10c4" }',
        'when.device = { attributes = { "/x" = "1" } }',
        'when.device = "usb"',
        "ready = true",
        'ready.path_exists = "x"',
        "ready.device = {}",
        "ready.timeout = 1",
    ],
)
def test_both_refuse_what_is_wrong(line: str) -> None:
    document = f"[module.loop]\n{line}\n"
    assert _parse(Document("a.toml", document))[0] is None
    assert not _DROP_IN.is_valid(tomli.loads(document))


@pytest.mark.parametrize(
    "document", ["modul.x = 1", "module = 1", "module.x = 1", '[module."a b"]', "[module.-a]"]
)
def test_both_refuse_wrong_tables(document: str) -> None:
    assert _parse(Document("a.toml", document))[0] is None
    assert not _DROP_IN.is_valid(tomli.loads(document))


@pytest.mark.parametrize(
    "line",
    [
        "enforce = 1",
        "resync_interval = 600",
        "parallel_loads = -1",
        "parallel_loads = 257",
        'modprobe_file = "kmodd.conf"',
        'modprobe_file = "/etc/modprobe.d/kmodd"',
        'quarantine = "stricter"',
        "other = 1",
    ],
)
def test_both_refuse_wrong_settings(line: str) -> None:
    assert parse_settings(Document("kmodd.toml", line))[0] is None
    assert not _SETTINGS.is_valid(tomli.loads(line))


_TEXTS = st.text(st.sampled_from("a0!=/.-_, \t\"'[é"), max_size=6)
_LISTS = st.one_of(_TEXTS, st.lists(_TEXTS, max_size=2))
_VALUES = st.one_of(
    _LISTS, st.booleans(), st.integers(-9, 2**65), st.floats(), st.dictionaries(_TEXTS, _LISTS)
)
_DEVICES = st.fixed_dictionaries(
    {}, optional={"modalias": _TEXTS, "properties": st.dictionaries(_TEXTS, _TEXTS, max_size=2)}
)
_KEYS: dict[str, st.SearchStrategy[Any]] = {
    "requires": st.lists(_TEXTS, max_size=2),
    "parameters": st.dictionaries(_TEXTS, _VALUES, max_size=2),
    "reason": _TEXTS,
    "load_timeout": st.from_regex(r"[0-9]{1,10}(s|ms|min|h|d)", fullmatch=True),
    "when": st.fixed_dictionaries(
        {}, optional={"kernel": _LISTS, "dmi": _LISTS, "path_exists": _LISTS, "device": _DEVICES}
    ),
    "ready": st.fixed_dictionaries({"path_exists": _TEXTS}),
}


@unhurried
@given(st.sampled_from(sorted(_KEYS)).flatmap(lambda key: st.tuples(st.just(key), _KEYS[key])))
def test_nothing_that_the_compiler_takes_is_refused(pair: tuple[str, object]) -> None:
    key, value = pair
    document = f"module.loop.{key} = {toml_text(value)}"
    if _parse(Document("a.toml", document))[0] is not None:
        _DROP_IN.validate(tomli.loads(document))


@pytest.mark.parametrize(
    ("duration", "written"), [(0.001, "1ms"), (0.1, "100ms"), (1.5, "1500ms"), (90, "90s"), (600.0, "10min")]
)
def test_durations_are_written_in_a_unit_that_fits(duration: float, written: str) -> None:
    assert duration_text(duration) == written
    assert seconds(written) == pytest.approx(duration)
