"""What ``kmoddctl import`` writes: a file of kmodd.d(5), and one of modprobe.d(5) for what it cannot say."""

from collections.abc import Iterable, Iterator
from typing import Any

from kmodd.config.toml_text import toml_key, toml_text
from kmodd.core.old_lines import Conversion, Kept, OldLine, Table, Value
from kmodd.core.plain_number import typed
from kmodd.model import Desired
from kmodd.names import printable

_SCHEMA = "#:schema file:///usr/share/kmodd/schema/kmodd.d.schema.json"
_PARAMETERS = "parameters."
_OF_MODPROBE = frozenset(("options", "blacklist", "install", "remove", "softdep", "weakdep", "alias"))
_BOOLEANS = {"Y": True, "N": False}


def toml(conversion: Conversion, release: str) -> str:
    """The whole drop-in; every value below the lines that it comes of."""
    kernel = f" for kernel {printable(release)}" if release else ""
    lines = [
        _SCHEMA,
        f"# Written by kmoddctl import (kmoddctl(1)){kernel}. Above each value stands where it comes from.",
    ]
    for table in conversion.tables:
        lines += ["", *_table(table)]
    lines += _rest("Kept: no file of kmodd's says this, so leave it where it is.", conversion.kept)
    lines += _rest("Without effect before, and left out.", conversion.spent)
    return "\n".join((*lines, ""))


def modprobe_conf(conversion: Conversion) -> bytes:
    """The lines of modprobe.d that are kept, as a file that says them again; nothing if there are none."""
    kept = [each.line for each in conversion.kept if each.line.command in _OF_MODPROBE]
    lines = [line for each in kept for line in (f"# {printable(str(each.location))}", _escaped(each.text))]
    head = (
        "# Written by kmoddctl import (kmoddctl(1)): lines of modprobe.d that kmodd's own files cannot say.",
        "# In /etc/modprobe.d this takes the place of the files that it names.",
    )
    return "\n".join((*head, *lines, "")).encode("utf-8", "surrogateescape") if lines else b""


def document(conversion: Conversion, text: str, written: Iterable[str]) -> dict[str, Any]:
    """The same for programs; ``toml`` is the file itself."""
    return {
        "toml": text,
        "written": list(written),
        "modules": [
            {
                "module": table.name,
                "values": [
                    {"key": v.key, "value": v.value, "locations": [line.location for line in v.lines]}
                    for v in table.values
                ],
                "notes": table.notes,
            }
            for table in conversion.tables
        ],
        "kept": list(map(_kept_row, conversion.kept)),
        "spent": list(map(_kept_row, conversion.spent)),
    }


def _kept_row(kept: Kept) -> dict[str, Any]:
    return {
        "text": printable(kept.line.text),
        "reason": printable(kept.reason),
        "location": kept.line.location,
    }


def _table(table: Table) -> Iterator[str]:
    yield f"[module.{toml_key(table.name)}]"
    yield from (f"# {printable(note)}" for note in table.notes)
    said: tuple[OldLine, ...] = ()
    for value in table.values:
        yield from (f"# {place_and_text(line)}" for line in value.lines if value.lines != said)
        said = value.lines
        if not (value.key == "state" and value.value == Desired.LOADED):
            yield f"{_key(value)} = {toml_text(_typed(value))}"


def _key(value: Value) -> str:
    if not value.key.startswith(_PARAMETERS):
        return value.key
    return _PARAMETERS + toml_key(value.key.removeprefix(_PARAMETERS))


def _typed(value: Value) -> object:
    """A parameter as TOML's type where that comes to the very same text for the kernel."""
    text = value.value
    if not isinstance(text, str) or not value.key.startswith(_PARAMETERS):
        return list(text) if isinstance(text, tuple) else text
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    return typed(text)


def _rest(title: str, kept: Iterable[Kept]) -> Iterator[str]:
    groups = by_reason(kept)
    if groups:
        yield from ("", f"# {title}")
    for reason, lines in groups.items():
        yield from ("#", f"# {printable(reason)}:", *(f"#   {place_and_text(line)}" for line in lines))


def by_reason(kept: Iterable[Kept]) -> dict[str, list[OldLine]]:
    """Lines of one reason together: most have the same."""
    groups: dict[str, list[OldLine]] = {}
    for each in kept:
        groups.setdefault(each.reason, []).append(each.line)
    return groups


def place_and_text(line: OldLine) -> str:
    """A line and where it stands, for a person."""
    return printable(f"{line.location}: {line.text}")


def _escaped(text: str) -> str:
    """libkmod drops a backslash and keeps what follows it."""
    return text.replace("\\", "\\\\")
