"""What was last in force of each file, as text: what is read back goes through the whole schema again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kmodd.config import store
from kmodd.config.fragment import Document
from kmodd.named_tuple import NamedTuple
from kmodd.shown import EMPTY

FORMAT = "kmodd-last-good-1"


class LastGood(NamedTuple):
    """Documents by file name (a file that hides another follows it), and the daemon's settings."""

    files: Mapping[str, Document] = EMPTY
    settings: Document | None = None


def read_last_good(path: Path) -> LastGood:
    """What ``write_last_good`` left, empty if nothing did; raises ValueError if it cannot be believed."""
    value = store.read(path, FORMAT)
    if value is None:
        return LastGood()
    try:
        files = {os.path.basename(entry["file"]): _document(entry) for entry in value["files"]}
        settings = value["settings"]
        return LastGood(files, settings and _document(settings))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it does not have the right shape") from error


def write_last_good(path: Path, last_good: LastGood) -> None:
    """Keep it through a reboot; raises OSError."""
    settings = last_good.settings
    files = [_plain(document) for _, document in sorted(last_good.files.items())]
    value = {"files": files, "settings": settings and _plain(settings)}
    store.write(path, FORMAT, value, durable=True)


def _plain(document: Document) -> dict[str, str]:
    return {"file": document.file, "text": document.text}


def _document(entry: Mapping[str, object]) -> Document:
    file, text = entry["file"], entry["text"]
    if not isinstance(file, str) or not isinstance(text, str):
        raise TypeError("text expected")
    return Document(file, text)
