"""A checkpoint as it is kept under /run/kmodd: a kmodd that dies leaves the next one what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kmodd.config import store
from kmodd.config.catalog import decode, encode
from kmodd.config.paths import CHECKPOINT
from kmodd.core.checkpoint import Before, Touched
from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import Catalog, Parameter
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, is_module_name
from kmodd.shown import EMPTY

FORMAT = "kmodd-checkpoint-1"
CATALOG_FORMAT = "kmodd-checkpoint-catalog-1"
HELD_FORMAT = "kmodd-held-1"
"""None of them changes with the version: a checkpoint is open across an upgrade too."""


class Kept(NamedTuple):
    """An open checkpoint. ``deadline_us`` is CLOCK_MONOTONIC, which goes on across processes of one boot.

    ``stopped``: the kmodd that had it ended in good order, so that the next one goes on with it.
    """

    id: str
    deadline_us: int
    paused: bool
    overrides: Mapping[ModuleName, str] = EMPTY
    touched: Touched = EMPTY
    rolling_back: bool = False
    stopped: bool = False


class Held(NamedTuple):
    """What a rollback left: ``catalog`` is in force while the files say what ``refused`` says.

    None: what they said then could not be found out.

    ``left``: a sentence for each thing that could not be taken back.
    """

    catalog: Catalog
    refused: Catalog | None
    left: tuple[str, ...] = ()


class CheckpointFile:
    """The files in ``directory``: what is open (its catalog in a file of its own), and what is held."""

    def __init__(self, directory: Path) -> None:
        self._open = directory / CHECKPOINT
        self._catalog = directory / "checkpoint-catalog.json"
        self._held = directory / "held.json"

    def read(self) -> tuple[Kept, Catalog] | None:
        """The open checkpoint, if there is one. Raises ValueError: what there is cannot be believed."""
        value = store.read(self._open, FORMAT)
        if value is None:
            return None
        catalog = store.read(self._catalog, CATALOG_FORMAT)
        if catalog is None:
            raise ValueError("its catalog is missing")
        return _kept(value), decode(catalog)

    def create(self, kept: Kept, catalog: Catalog) -> None:
        """Keep a new one. Raises STATE_NOT_WRITABLE, and then there is none."""
        _write(self._catalog, CATALOG_FORMAT, encode(catalog))
        self.write(kept)

    def write(self, kept: Kept) -> None:
        """Keep what has become of it. Raises STATE_NOT_WRITABLE."""
        row = kept._asdict() | {"touched": {name: _row(each) for name, each in kept.touched.items()}}
        row["overrides"] = dict(kept.overrides)
        _write(self._open, FORMAT, row)

    def remove(self) -> None:
        """There is none any more. Raises STATE_NOT_WRITABLE, and then there still is one."""
        _remove(self._open)
        with suppress(KmoddError):  # means nothing by itself
            _remove(self._catalog)

    def read_held(self) -> Held | None:
        """What is held. Raises ValueError: it cannot be believed."""
        value = store.read(self._held, HELD_FORMAT)
        if value is None:
            return None
        try:
            catalog, refused, left = value
            return Held(decode(catalog), None if refused is None else decode(refused), tuple(map(str, left)))
        except TypeError as error:
            raise ValueError("it has another shape") from error

    def hold(self, held: Held | None) -> None:
        """Keep what is held from now on, None: nothing. Raises STATE_NOT_WRITABLE."""
        if held is None:
            _remove(self._held)
            return
        refused = None if held.refused is None else encode(held.refused)
        value = [encode(held.catalog), refused, list(held.left)]
        _write(self._held, HELD_FORMAT, value)


def _write(path: Path, format_name: str, value: object) -> None:
    try:
        store.write(path, format_name, value, durable=True)
    except OSError as error:
        raise _not_writable(path, error) from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise _not_writable(path, error) from error


def _not_writable(path: Path, error: OSError) -> KmoddError:
    message, hint = f"a checkpoint cannot be kept: {error.strerror}", "see that the file system is not full"
    return KmoddError(ErrorKind.STATE_NOT_WRITABLE, message, hint, str(path))


def _row(before: Before) -> dict[str, Any]:
    return before._asdict() | {"written": sorted(before.written)}


def _kept(row: Any) -> Kept:
    """Raises ValueError."""
    try:
        return Kept(
            str(row["id"]),
            int(row["deadline_us"]),
            bool(row["paused"]),
            {_name(name): str(text) for name, text in row["overrides"].items()},
            {_name(name): _before(each) for name, each in row["touched"].items()},
            bool(row["rolling_back"]),
            bool(row["stopped"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it has another shape") from error


def _before(row: Any) -> Before:
    return Before(
        int(row["instance"]),
        tuple(Parameter(str(name), str(value)) for name, value in row["parameters"]),
        tuple(Parameter(str(name), str(value)) for name, value in row["given"]),
        frozenset(map(str, row["written"])),
        bool(row["out"]),
        bool(row["loading"]),
        int(row["claimed"]),
        int(row["tries"]),
    )


def _name(text: Any) -> ModuleName:
    if not (isinstance(text, str) and is_module_name(text)):
        raise ValueError("it names what is no module")
    return ModuleName(text)
