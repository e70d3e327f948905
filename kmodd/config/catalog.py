"""Catalog <-> JSON. Only what differs from a default is written; whatever is read is checked for shape."""

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from kmodd import __version__
from kmodd.config import store
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
from kmodd.names import ModuleName, is_module_name
from kmodd.shown import Issue, Location, Severity, Source

FORMAT = f"kmodd-catalog-2-{__version__}"


def read_catalog(path: Path) -> Catalog | None:
    """The cached catalog; None if there is none that can be believed."""
    try:
        value = store.read(path, FORMAT)
        return None if value is None else decode(value)
    except ValueError:
        return None


def write_catalog(path: Path, catalog: Catalog) -> None:
    """Cache ``catalog``; raises OSError."""
    store.write(path, FORMAT, encode(catalog), durable=False)


def encode(catalog: Catalog) -> dict[str, Any]:
    """``catalog`` as plain JSON values; each file name stands there once."""
    files: dict[str, int] = {}
    return {
        "key": catalog.key,
        "declarations": [_declaration_out(declaration, files) for declaration in catalog.declarations],
        "issues": [
            [
                issue.severity.value,
                issue.code,
                issue.message,
                issue.hint,
                *_location_out(issue.location, files),
            ]
            for issue in catalog.issues
        ],
        "settings": _changed(catalog.settings),
        "files": list(files),
    }


def decode(value: Any) -> Catalog:
    """The catalog that ``encode`` was given; raises ValueError for any other shape."""
    try:
        files = _texts(value["files"])
        return Catalog(
            _text(value["key"]),
            tuple(_declaration_in(entry, files) for entry in value["declarations"]),
            tuple(_issue_in(entry, files) for entry in value["issues"]),
            Settings(**_read(value["settings"], _SETTINGS)),
        )
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError("it does not have the shape of a catalog") from error


def _declaration_out(declaration: Declaration, files: dict[str, int]) -> dict[str, Any]:
    out = _changed(declaration)
    out["sources"] = _sources_out(declaration.sources, files)
    if declaration.replaced:
        out["replaced"] = _sources_out(declaration.replaced, files)
    return out


def _sources_out(sources: Iterable[Source], files: dict[str, int]) -> list[list[str | int]]:
    return [[source.key, source.value, *_location_out(source.location, files)] for source in sources]


def _location_out(location: Location, files: dict[str, int]) -> tuple[int, int, int]:
    return files.setdefault(location.file, len(files)), location.line, location.column


def _changed(data: Declaration | Settings | When | DeviceMatch | Ready) -> dict[str, Any]:
    """Fields of a record that do not hold their default."""
    defaults = data._field_defaults
    return {
        name: _plain(value)
        for name, value in zip(data._fields, data, strict=True)
        if name not in ("sources", "replaced") and (name not in defaults or value != defaults[name])
    }


def _plain(value: Any) -> Any:
    """A field's value as JSON knows it; a str enum is its value to json already."""
    match value:
        case When() | DeviceMatch() | Ready():
            return _changed(value)
        case tuple():
            return [_plain(item) for item in value]
    return value


def _declaration_in(entry: dict[str, Any], files: tuple[str, ...]) -> Declaration:
    sources = tuple([_source_in(source, files) for source in entry.pop("sources")])
    replaced = tuple([_source_in(source, files) for source in entry.pop("replaced", ())])
    return Declaration(sources=sources, replaced=replaced, **_read(entry, _DECLARATION))


def _source_in(row: Any, files: tuple[str, ...]) -> Source:
    """The bulk of every catalog, so with no call more than it needs."""
    key, value, file, line, column = row
    if not (type(key) is type(value) is str and type(file) is type(line) is type(column) is int):
        raise TypeError("key, value and place expected")
    return Source(key, value, Location(files[file], line, column))


def _issue_in(row: Any, files: tuple[str, ...]) -> Issue:
    severity, code, message, hint, file, line, column = row
    where = Location(files[_whole(file)], _whole(line), _whole(column))
    return Issue(Severity(severity), _text(code), _text(message), _text(hint), where)


def _read(entry: Mapping[str, Any], readers: Mapping[str, Callable[[Any], Any]]) -> dict[str, Any]:
    """Each field by its reader; raises KeyError for one that has none."""
    return {name: readers[name](value) for name, value in entry.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(item) for item in value)


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("integer expected")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError("number expected")
    if not isfinite(value):
        raise TypeError("finite number expected")
    return float(value)


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError("boolean expected")
    return value


def _name(value: Any) -> ModuleName:
    if not is_module_name(_text(value)):
        raise TypeError("module name expected")
    return ModuleName(value)


def _names(value: Any) -> tuple[ModuleName, ...]:
    return tuple(_name(item) for item in value)


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    return tuple((_text(name), _text(text)) for name, text in value)


def _parameters(value: Any) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, text) for name, text in _pairs(value))


def _match(value: Any) -> DeviceMatch:
    return DeviceMatch(**_read(value, _DEVICE))


_DEVICE: Mapping[str, Callable[[Any], Any]] = {
    "modalias": _text,
    "subsystem": _text,
    "driver": _text,
    "properties": _pairs,
    "attributes": _pairs,
}
_WHEN: Mapping[str, Callable[[Any], Any]] = {
    "devices": lambda value: tuple(_match(item) for item in value),
    "kernel": _texts,
    "architecture": _texts,
    "virtualization": _texts,
    "path_exists": _texts,
    "kernel_command_line": _texts,
    "dmi": _texts,
}
_READY: Mapping[str, Callable[[Any], Any]] = {"path_exists": _text, "device": _match, "timeout_s": _number}
_DECLARATION: Mapping[str, Callable[[Any], Any]] = {
    "name": _name,
    "state": Desired,
    "parameters": _parameters,
    "on_parameter_change": ParameterPolicy,
    "after": _names,
    "before": _names,
    "requires": _names,
    "wants": _names,
    "conflicts": _names,
    "replaces": _names,
    "when": lambda value: When(**_read(value, _WHEN)),
    "when_gone": WhenGone,
    "ready": lambda value: Ready(**_read(value, _READY)),
    "load_timeout_s": _number,
    "reason": _text,
}
_SETTINGS: Mapping[str, Callable[[Any], Any]] = {
    "enforce": _flag,
    "resync_interval_s": _number,
    "event_quiet_time_s": _number,
    "parallel_loads": _whole,
    "modprobe_file": _text,
    "quarantine": _text,
}
