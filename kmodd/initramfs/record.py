"""The record of what an image holds: one file a kernel, written when the image is, read by the daemon.

It counts for the very image that it was made of, by size and time: one that somebody makes later has none.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from kmodd.core.initramfs import Held
from kmodd.files import write_atomically
from kmodd.kernel.reading import read_bounded
from kmodd.named_tuple import NamedTuple

FORMAT: Final = 1
LARGEST: Final = 4 << 20
MODE: Final = 0o644


Stamp = tuple[int, int]
"""By what a file is known to be as it was: size in bytes, seconds since 1970."""


class Record(NamedTuple):
    """What ``image`` held when it was as ``stamp`` says."""

    image: str
    stamp: Stamp
    held: Held


def place(directory: Path, release: str) -> Path | None:
    """Where the record of a kernel is; None for what cannot be a release."""
    if not release or release.startswith(".") or "/" in release or not release.isprintable():
        return None
    return directory / release


def stamp_of(found: os.stat_result) -> Stamp:
    """The stamp of a file."""
    return found.st_size, int(found.st_mtime)


def write(path: Path, record: Record) -> None:
    """Put a record in its place. Raises OSError."""
    document = {
        "format": FORMAT,
        "image": record.image,
        "stamp": record.stamp,
        "texts": record.held.texts,
        # One text is read faster than a list of thousands.
        "modules": " ".join(sorted(record.held.modules)),
    }
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_atomically(path, json.dumps(document).encode(), mode=MODE)


def read(path: Path) -> Record | None:
    """The record, None if there is none that can be believed."""
    content = read_bounded(str(path), LARGEST + 1)
    if not content or len(content) > LARGEST:
        return None
    try:
        document = json.loads(content)
        return _record(document) if document["format"] == FORMAT else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _record(document: Any) -> Record:
    """Raises ValueError, KeyError, TypeError for what ``write`` has not written."""
    size, time_s = document["stamp"]
    image, texts, modules = document["image"], document["texts"], document["modules"]
    if type(size) is not int or type(time_s) is not int or not isinstance(texts, list):
        raise TypeError
    if not all(isinstance(each, str) for each in (image, modules, *texts)) or not image.startswith("/"):
        raise TypeError
    return Record(image, (size, time_s), Held(frozenset(modules.split()), tuple(texts)))
