"""Values as one would write them in TOML, on one line."""

import json
import re
from datetime import date, datetime, time

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

# Keys and indexes from the top of the document.
KeyPath = tuple[str | int, ...]


def toml_text(value: object) -> str:
    """Text of a parsed value; reads like the file, though not always letter for letter."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case list() | tuple():
            return f"[{', '.join(map(toml_text, value))}]"
        case dict():
            pairs = (f"{toml_key(key)} = {toml_text(item)}" for key, item in value.items())
            return f"{{ {', '.join(pairs)} }}" if value else "{}"
        case datetime() | date() | time():
            return value.isoformat()
    return repr(value)


def toml_key(key: str) -> str:
    """A key, in quotes where it needs them."""
    return key if _BARE_KEY.fullmatch(key) else _string(key)


def dotted(path: KeyPath) -> str:
    """A key path as one would write it in TOML, with the index of array elements in brackets."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{toml_key(part)}" for part in path]
    return "".join(parts).removeprefix(".")


def _string(value: str) -> str:
    """A basic string; JSON escapes the same way but for what is beyond the basic plane."""
    return json.dumps(value, ensure_ascii=False)
