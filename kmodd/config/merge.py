"""Fragments -> declarations: for one module a later file replaces single keys, parameters merge by name."""

from collections.abc import Iterable, Mapping
from typing import Any

from kmodd.config.fragment import TABLE, Fragment, Row, Rows
from kmodd.model import Declaration, Desired, Parameter, Ready, When
from kmodd.names import ModuleName
from kmodd.shown import Source

# Keys of the language -> fields of the model, where the names differ.
_FIELDS = {
    "load_timeout": "load_timeout_s",
    "when.device": "when.devices",
    "ready.timeout": "ready.timeout_s",
}

Merged = Mapping[ModuleName, Rows]


def merge(fragments: Iterable[Fragment]) -> dict[ModuleName, dict[str, Row]]:
    """Effective rows of every module; ``fragments`` come in order of file name, the last one wins."""
    modules: dict[ModuleName, dict[str, Row]] = {}
    for fragment in fragments:
        for name, rows in fragment.modules.items():
            _replace(modules.setdefault(name, {}), rows)
    return modules


def declare(name: ModuleName, rows: Rows) -> Declaration:
    """The declaration that the rows make, with sources in order of keys."""
    groups = _groups(rows)
    return Declaration(
        name=name,
        parameters=tuple(Parameter(key, value) for key, value in sorted(groups["parameters"].items())),
        when=When(**groups["when"]),
        ready=Ready(**groups["ready"]) if groups["ready"] else None,
        sources=_sources(rows),
        replaced=tuple(source for key in sorted(rows) for source in _replaced(rows[key])),
        **groups[""],
    )


def state_of(rows: Rows) -> Desired:
    """``state`` as it takes effect."""
    state: Desired = rows["state"].value if "state" in rows else Desired.LOADED
    return state


def names_in(rows: Rows, key: str) -> tuple[ModuleName, ...]:
    """A list of names; empty where it is not given."""
    names: tuple[ModuleName, ...] = rows[key].value if key in rows else ()
    return names


def is_conditional(rows: Rows) -> bool:
    """Whether any part of ``when`` is given."""
    return any(key.startswith("when.") and row.value for key, row in rows.items())


def is_lasting(rows: Rows) -> bool:
    """Whether the module is to be loaded whatever the facts are."""
    return state_of(rows) is Desired.LOADED and not is_conditional(rows)


def _replace(rows: dict[str, Row], later: Rows) -> None:
    """Put in the rows of a later file; each remembers the one that it replaces, but for the table itself."""
    for key, row in later.items():
        rows[key] = row._replace(before=rows[key]) if key in rows and key != TABLE else row


def _replaced(row: Row) -> list[Source]:
    """What the rows before this one said, oldest first."""
    sources: list[Source] = []
    while row.before:
        row = row.before
        sources.append(row.source)
    return sources[::-1]


def _groups(rows: Rows) -> dict[str, dict[str, Any]]:
    """Values by the table that they stand in; "" is the module's own."""
    groups: dict[str, dict[str, Any]] = {"": {}, "parameters": {}, "when": {}, "ready": {}}
    for key, row in rows.items():
        if key == TABLE:
            continue
        table, dot, field = _FIELDS.get(key, key).partition(".")
        if dot:
            groups[table][field] = row.value
        else:
            groups[""][table] = row.value
    return groups


def _sources(rows: Mapping[str, Row]) -> tuple[Source, ...]:
    """Provenance of every value, and of the state that no file gives: the table itself asks for loading."""
    effective = dict(rows)
    table = effective.pop(TABLE).source
    given = [row.source for row in effective.values()]
    if "state" not in effective:
        given.append(Source("state", '"loaded"', table.location))
    return tuple(sorted(given, key=lambda source: source.key))
