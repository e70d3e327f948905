"""kmodd.d(5) and kmodd.toml(5) against the schema: every key, its type, its default, and every code."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kmodd.config.check import check
from kmodd.config.contradictions import MAX_MODULES
from kmodd.config.issues import Code
from kmodd.config.json_schema import json_schema
from kmodd.config.layers import MAX_FILES
from kmodd.config.look import MAX_BYTES
from kmodd.config.paths import ConfigPaths
from kmodd.config.schema import FileTable, SettingsTable
from kmodd.config.shapes import DURATION, MODULE
from kmodd.config.toml_text import toml_text
from kmodd.core.against_kernel import KernelCode
from tests.support.man_page import Item, Page

_FILES = Page("kmodd.d.5")
_SETTINGS = Page("kmodd.toml.5")
_CODES = (
    "FILES IN FORCE/The file cannot be used",
    "FILES IN FORCE/Its text is not right",
    "FILES IN FORCE/Each file is right, and together they are not",
    "FILES IN FORCE/What becomes of files that are not right",
    "FILES IN FORCE/The files and this kernel",
)

Schema = Mapping[str, Any]


def _module() -> Schema:
    modules: Schema = json_schema(FileTable, "")["properties"]["module"]["additionalProperties"]
    return modules


def _keys() -> Iterator[tuple[str, str, Schema]]:
    """Each key: section, name as the page has it, and schema."""
    module = _module()["properties"]
    for key, schema in module.items():
        yield "KEYS", key, schema
    for key, schema in module["when"]["properties"].items():
        yield "CONDITIONS", f"when.{key}", schema
    for key, schema in module["ready"]["properties"].items():
        yield "READINESS", f"ready.{key}", schema
    for key, schema in module["ready"]["properties"]["device"]["properties"].items():
        yield "DEVICES", key, schema


def _type(schema: Schema) -> str:
    """The type of a key in the words of the pages."""
    if "anyOf" in schema:
        one, several = map(_type, schema["anyOf"])
        return f"{one} or {several}"
    if schema.get("pattern") == DURATION["pattern"]:
        return "duration"
    if "enum" in schema:
        return "string"
    if schema["type"] == "array":
        return "list of modules" if schema["items"] == MODULE else f"list of {_type(schema['items'])}s"
    return _table(schema) if schema["type"] == "object" else str(schema["type"])


def _table(schema: Schema) -> str:
    """A table with fixed keys, or with any keys and values of one type."""
    values = schema["additionalProperties"]
    if not values:
        return "table"
    return "table of values" if "anyOf" in values else f"table of {_type(values)}s"


def _item(page: Page, section: str, key: str) -> Item:
    (found,) = [item for item in page.items(section) if key in item.names]
    return found


def _holds(item: Item, schema: Schema) -> None:
    """Type and default of one key are as the schema has them, and something is said of it."""
    assert " ".join(item.after("Pq")).removesuffix("default").rstrip() == _type(schema)
    default = [toml_text(schema["default"]).strip('"')] if "default" in schema else []
    assert list(item.after("Ql")) == default
    assert item.text.strip()


@pytest.mark.parametrize(
    ("section", "key", "schema"), list(_keys()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_key_has_its_type_and_default(section: str, key: str, schema: Schema) -> None:
    _holds(_item(_FILES, section, key), schema)
    for value in schema.get("enum", ()):
        assert f"\n.It Cm {value}\n" in _FILES.source or f"\n.Cm {value}\n" in _FILES.source


@pytest.mark.parametrize("section", ["KEYS", "CONDITIONS", "READINESS", "DEVICES"])
def test_no_other_key_is_described(section: str) -> None:
    described = [name for item in _FILES.items(section) for name in item.names]
    assert described == [key for where, key, _ in _keys() if where == section]


def test_every_setting_has_its_type_and_default() -> None:
    schemas = json_schema(SettingsTable, "")["properties"]
    assert [item.names for item in _SETTINGS.items("SETTINGS")] == [(key,) for key in schemas]
    for key, schema in schemas.items():
        item = _item(_SETTINGS, "SETTINGS", key)
        _holds(item, schema)
        assert all(f".Ql {value}" in item.text for value in schema.get("enum", ()))


def test_every_code_and_no_other() -> None:
    described = [name for section in _CODES for item in _FILES.items(section) for name in item.names]
    assert described == [*map(str, Code), *map(str, KernelCode)]


def test_directories_stand_in_their_order() -> None:
    order = [line.split()[1] for line in _FILES.text("SYNOPSIS").splitlines() if line.startswith(".Pa")]
    assert order == [f"{directory}/*.toml" for directory in ConfigPaths().directories]
    assert f"\n.Pa {ConfigPaths().settings}\n" in _SETTINGS.source


def test_limits_are_as_they_are() -> None:
    assert (MAX_BYTES, MAX_FILES, MAX_MODULES) == (1 << 20, 10_000, 10_000)
    assert "at most 1 MiB; there are at most 10000 files and 10000 modules" in _FILES.source


def test_examples_are_right(tmp_path: Path) -> None:
    examples = [block for page in (_FILES, _SETTINGS) for block in page.blocks() if " = " in block]
    assert len(examples) > 5
    for number, block in enumerate(examples):
        text = block.partition("<<EOF\n")[2].partition("EOF")[0] or block
        path = tmp_path / ("kmodd.toml" if "[module" not in text else f"{number}.toml")
        path.write_text(text)
        assert check([path]) == ()
