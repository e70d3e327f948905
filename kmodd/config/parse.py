"""One file, from text to a fragment or to everything that is wrong with it."""

from typing import Any, TypeVar

from pydantic import ValidationError

from kmodd.config.fragment import TABLE, Document, Fragment, Row, Rows
from kmodd.config.issues import Code, error
from kmodd.config.messages import issues_of
from kmodd.config.reading import Invalid, Parsed, parse_toml
from kmodd.config.schema import (
    DeviceTable,
    FileTable,
    ModuleTable,
    ReadyTable,
    SettingsTable,
    Table,
    WhenTable,
)
from kmodd.config.toml_text import KeyPath, dotted, toml_text
from kmodd.model import Settings
from kmodd.names import ModuleName, module_name
from kmodd.shown import Issue, Source

# Keys of a module's table that name other modules.
_LISTS = frozenset(("after", "before", "requires", "wants", "conflicts", "replaces"))
_Root = TypeVar("_Root", bound=Table)


def parse_fragment(name: str, document: Document) -> tuple[Fragment | None, tuple[Issue, ...]]:
    """A drop-in's content, or all its errors."""
    try:
        parsed, table = _validate(document, FileTable)
        return Fragment(name, _Flattening(parsed).modules(table)), ()
    except Invalid as invalid:
        return None, invalid.issues


def parse_settings(document: Document) -> tuple[Settings | None, tuple[Issue, ...]]:
    """The daemon's settings, or all errors of the file."""
    try:
        return _validate(document, SettingsTable)[1].settings(), ()
    except Invalid as invalid:
        return None, invalid.issues


def _validate(document: Document, root: type[_Root]) -> tuple[Parsed, _Root]:
    """The document by its schema; raises Invalid."""
    parsed = parse_toml(document)
    try:
        return parsed, root.model_validate(parsed.tables)
    except ValidationError as refused:
        raise Invalid(*issues_of(parsed, root, refused)) from None


class _Flattening:
    """Valid tables -> rows. Two spellings of one name, and a module in its own lists, show only here."""

    def __init__(self, parsed: Parsed) -> None:
        self._parsed = parsed
        self._issues: list[Issue] = []

    def modules(self, table: FileTable) -> dict[ModuleName, Rows]:
        """Rows of every module that the file names; raises Invalid."""
        modules: dict[ModuleName, Rows] = {}
        for key, module in table.module.items():
            name = module_name(key)
            path: KeyPath = ("module", key)
            if name in modules:
                self._duplicate(path, name)
            modules[name] = self._rows(path, self._parsed.tables["module"][key], module)
        if self._issues:
            raise Invalid(*sorted(self._issues, key=lambda issue: issue.location))
        return modules

    def _rows(self, path: KeyPath, raw: dict[str, Any], module: ModuleTable) -> dict[str, Row]:
        rows = {TABLE: self._row(path, TABLE, "", None)}
        for key, given in raw.items():
            match key:
                case "parameters":
                    rows.update(self._parameters((*path, key), given, module.parameters))
                case "when" | "ready":
                    table: WhenTable | ReadyTable | None = getattr(module, key)
                    rows.update(self._subtable((*path, key), given, table))
                case _:
                    value = getattr(module, key)
                    if key in _LISTS:
                        self._check_names((*path, key), value)
                    rows[key] = self._row((*path, key), key, given, _unique(value))
        return rows

    def _check_names(self, path: KeyPath, names: tuple[ModuleName, ...]) -> None:
        """A module has no order, and no other tie, with itself."""
        own = module_name(str(path[1]))
        for index, name in enumerate(names):
            if name == own:
                message = f"'{dotted((*path, index))}' names the module itself"
                self._refuse(Code.NAMES_ITSELF, message, "take it out", (*path, index))

    def _parameters(self, path: KeyPath, raw: dict[str, Any], texts: dict[str, str]) -> dict[str, Row]:
        """``-`` and ``_`` are one letter in a parameter's name too (kernel/params.c, parameq)."""
        rows: dict[str, Row] = {}
        for key, given in raw.items():
            name = f"parameters.{key.replace('-', '_')}"
            if name in rows:
                self._duplicate((*path, key), name.removeprefix("parameters."))
            rows[name] = self._row((*path, key), name, given, texts[key])
        return rows

    def _subtable(
        self, path: KeyPath, raw: dict[str, Any], table: WhenTable | ReadyTable | None
    ) -> dict[str, Row]:
        """``when`` and ``ready``: their keys merge one by one."""
        return {
            f"{path[-1]}.{key}": self._row(
                (*path, key), f"{path[-1]}.{key}", given, _plain(getattr(table, key))
            )
            for key, given in raw.items()
        }

    def _row(self, path: KeyPath, key: str, given: object, value: object) -> Row:
        location = self._parsed.document.at(self._parsed.places.key(path))
        return Row(value, Source(key, toml_text(given), location))

    def _duplicate(self, path: KeyPath, name: str) -> None:
        message = f"'{dotted(path)}' is given twice: '-' and '_' are one letter"
        self._refuse(Code.DUPLICATE, message, f"write both under '{name}'", path)

    def _refuse(self, code: Code, message: str, hint: str, path: KeyPath) -> None:
        location = self._parsed.document.at(self._parsed.places.key(path))
        self._issues.append(error(code, message, hint, location))


def _unique(value: object) -> object:
    """Lists of names without repetition."""
    return tuple(dict.fromkeys(value)) if isinstance(value, tuple) else value


def _plain(value: Any) -> object:
    """Device tables as data, anything else as it is."""
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value.match() if isinstance(value, DeviceTable) else value
