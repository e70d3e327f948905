"""JSON Schema of kmodd.d(5) and kmodd.toml(5) for editors, made from the models that the compiler uses.

``python -m kmodd.config.json_schema DIRECTORY`` writes both. Draft 7, and no reference inside: editors differ
in what they let stand beside one.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kmodd.config.schema import FileTable, SettingsTable, Table
from kmodd.config.sentences import SENTENCES
from kmodd.config.shapes import DURATION
from kmodd.config.values import duration_text

FILES: Mapping[str, tuple[type[Table], str]] = {
    "kmodd.d.schema.json": (FileTable, "kmodd.d(5)"),
    "kmodd.toml.schema.json": (SettingsTable, "kmodd.toml(5)"),
}
_REFERENCE = "#/$defs/"
_TABLES = {table.__name__: sentences for table, sentences in SENTENCES.items()}
# What the language cannot say: a default of these stands for a key that is left out.
_UNSAID: tuple[object, ...] = (None, "", [], {})


def json_schema(root: type[Table], title: str) -> dict[str, Any]:
    """The schema of one kind of file."""
    whole = root.model_json_schema(mode="validation")
    schema: dict[str, Any] = _inlined(whole, whole.get("$defs", {}))
    return {"$schema": "http://json-schema.org/draft-07/schema#", **schema, "title": title}


def text(root: type[Table], title: str) -> str:
    """The schema as it is shipped: the same for the same models."""
    return json.dumps(json_schema(root, title), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(argv: Sequence[str]) -> int:
    """Write both files; exit status 0."""
    for name, (root, title) in FILES.items():
        Path(argv[0], name).write_text(text(root, title), encoding="utf-8")
    return 0


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """``schema`` with what it refers to in place, and with what the language says of each key."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema if item != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    schema = {**definitions.get(schema.get("$ref", "").removeprefix(_REFERENCE), {}), **schema}
    sentences = _TABLES.get(schema.get("title", ""), {})
    plain = {
        key: _inlined(value, definitions)
        for key, value in schema.items()
        if key not in ("$ref", "$defs", "title", "description", "properties", "default")
    }
    if "properties" in schema:
        plain["properties"] = {
            key: {**_key(_inlined(value, definitions)), "title": key, "description": sentences[key]}
            for key, value in schema["properties"].items()
        }
    return {**plain, **_default(schema)}


def _key(schema: dict[str, Any]) -> dict[str, Any]:
    """A key's schema, where only one shape is left to choose (a table or null) without the choice."""
    match schema.pop("anyOf", []):
        case [single]:
            return {**schema, **single}
        case []:
            return schema
        case choices:
            return {**schema, "anyOf": choices}


def _default(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The default as one would write it; a table of defaults is none."""
    default: Any = schema.get("default")
    if default in _UNSAID or isinstance(default, dict):
        return {}
    return {"default": duration_text(default) if schema.get("pattern") == DURATION["pattern"] else default}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
