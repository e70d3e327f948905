"""The crash guard's files below the state directory: open intents, quarantines, and how the last boot went.

Only root writes there (mode 0700). What is damaged is said, and counts for nothing: an intent is on the disk
before it has its name, so one that is broken was not broken by a crash.
"""

import json
import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from kmodd.action import ActionKind
from kmodd.core.crash import Boot, Quarantine
from kmodd.files import sync_directory, write_atomically
from kmodd.intent import SIZE_LIMIT, SUFFIX, BadIntent, Intent, parse, render
from kmodd.kernel.reading import read_regular
from kmodd.names import ModuleName, is_module_name, printable

FORMAT: Final = 1
_MOST_BYTES: Final = 8 << 20

_log = logging.getLogger(__name__)


class GuardFiles:
    """All methods that write raise OSError; those that read never do."""

    def __init__(self, state_dir: Path) -> None:
        self.intents = state_dir / "intents"
        self._quarantines = state_dir / "quarantines.json"
        self._boot = state_dir / "boot.json"

    def open_intents(self) -> list[Intent]:
        """Every intent that can be read."""
        try:
            names = sorted(os.listdir(self.intents))
        except OSError:
            return []
        found = (self.intent(name) for name in names if name.endswith(SUFFIX) and not name.startswith("."))
        return [intent for intent in found if intent is not None]

    def intent(self, name: str) -> Intent | None:
        """One of them; None if it is not there, or damaged."""
        path = self.intents / name
        content = read_regular(path, SIZE_LIMIT)
        try:
            return parse(name, content) if content is not None else None
        except BadIntent as error:
            _log.warning("%s is damaged (%s) and counts for nothing", printable(str(path)), error)
            return None

    def close(self, intents: Iterable[str]) -> None:
        """Take away what these names stand for."""
        for name in intents:
            with suppress(FileNotFoundError):
                (self.intents / name).unlink()

    def keep_closed(self) -> None:
        """Have it on the disk that they are closed."""
        with suppress(FileNotFoundError):
            sync_directory(self.intents)

    def rewrite(self, intent: Intent) -> None:
        """An intent of which more is known by now."""
        write_atomically(self.intents / intent.file_name, render(intent), durable=True)

    def try_intents(self) -> None:
        """Have one written that stands for nothing."""
        path = self.intents / ".try"
        self.intents.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, b"\n", durable=True)
        path.unlink()

    def quarantines(self) -> list[Quarantine]:
        """What was kept of them; a damaged file is as none, and that is said."""
        document = _document(self._quarantines)
        try:
            return [_quarantine(row) for row in document.get("quarantines", ())]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            _log.warning("%s is damaged (%s) and counts for nothing", self._quarantines, error)
            return []

    def keep_quarantines(self, quarantines: Iterable[Quarantine]) -> None:
        """Keep these, and no others."""
        rows = [quarantine._asdict() for quarantine in quarantines]
        if rows or self._quarantines.exists():
            _write(self._quarantines, {"format": FORMAT, "quarantines": rows})

    def boot(self) -> Boot:
        """The last boot that is remembered; one of which nothing is known for none."""
        document = _document(self._boot)
        known = Boot()._asdict()
        fields: dict[str, Any] = {name: document.get(name, default) for name, default in known.items()}
        fits = all(type(fields[name]) is type(default) for name, default in known.items())
        return Boot(**fields) if fits else Boot()

    def keep_boot(self, boot: Boot) -> None:
        """Remember this one instead."""
        _write(self._boot, {"format": FORMAT, **boot._asdict()})


def _write(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, json.dumps(document).encode("ascii"), durable=True)


def _document(path: Path) -> dict[str, Any]:
    try:
        content = read_regular(path, _MOST_BYTES)
        document = json.loads(content) if content is not None else {}
        if not isinstance(document, dict) or (document and document.get("format") != FORMAT):
            raise ValueError("another format")
    except (ValueError, RecursionError) as error:
        _log.warning("%s is damaged (%s) and counts for nothing", path, error)
        return {}
    return document


def _quarantine(row: dict[str, Any]) -> Quarantine:
    if not is_module_name(row["module"]):
        raise ValueError("it names no module")
    return Quarantine(
        ModuleName(row["module"]),
        ActionKind(row["kind"]),
        str(row["digest"]),
        printable(str(row["options"])),
        str(row["kernel"]),
        int(row["since_us"]),
        bool(row["confirmed"]),
        tuple(printable(str(line)) for line in row["lines"]),
    )
