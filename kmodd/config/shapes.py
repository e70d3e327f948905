"""What an editor is told of a value (JSON Schema, draft 7): never stricter than what ``values`` accepts.

Patterns are in the part of the syntax that ECMA 262, Rust and Python share.
"""

from typing import Any, Final

from kmodd.names import MAX_LENGTH

Shape = dict[str, Any]

_VISIBLE = r"[^\x00-\x1f\x7f]"


def _text(pattern: str) -> Shape:
    return {"type": "string", "pattern": f"^{pattern}$"}


def _list(shape: Shape, **more: int) -> Shape:
    return {"type": "array", "items": shape, **more}


def _one_or_more(shape: Shape) -> Shape:
    return {"anyOf": [shape, _list(shape)]}


def _parameter(text: Shape) -> list[Shape]:
    return [{"type": "boolean"}, {"type": "integer"}, {"type": "number"}, text]


def named(names: Shape) -> Shape:
    """A table, by what its keys may be."""
    return {"propertyNames": {"pattern": names["pattern"]}}


def table(names: Shape, values: Shape) -> Shape:
    """A table with any keys, and values of one shape."""
    return {"type": "object", **named(names), "additionalProperties": values}


DURATION: Final = _text("0{0,8}[1-9][0-9]{0,8}(ms|s|min|h)")
TEXT: Final = _text(f"{_VISIBLE}*")
GLOB: Final = _text(f"{_VISIBLE}+")
MODULE: Final = _text(rf"[A-Za-z0-9_][A-Za-z0-9_-]{{0,{MAX_LENGTH - 1}}}")
MODULES: Final = _list(MODULE)
PARAMETERS: Final = table(
    _text("[A-Za-z0-9_.-]{1,128}"),
    {
        "anyOf": [
            *_parameter(_text(r'[^"\x00-\x1f\x7f]*')),
            _list({"anyOf": _parameter(_text(r'[^",\x00-\x1f\x7f]*'))}, minItems=1),
        ]
    },
)
PROPERTIES: Final = table(GLOB, TEXT)
ATTRIBUTES: Final = table(_text("[^/]+(/[^/]+)*"), TEXT)
PATH: Final = _text(f"/{_VISIBLE}*")
CONF_PATH: Final = _text(rf"/{_VISIBLE}*\.conf")
CONDITIONS: Final = _one_or_more(_text(rf"!?[^!\x00-\x1f\x7f]{_VISIBLE}*"))
PATH_CONDITIONS: Final = _one_or_more(_text(f"!?/{_VISIBLE}*"))
DMI_CONDITIONS: Final = _one_or_more(_text(rf"!?[^!=\x00-\x1f\x7f][^=\x00-\x1f\x7f]*={_VISIBLE}*"))
