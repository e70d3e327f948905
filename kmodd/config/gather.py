"""What there is to choose from: each file as it is now, where it is right, and as it was last in force."""

from __future__ import annotations

import os
from collections.abc import Mapping

from kmodd.config.fragment import Document
from kmodd.config.issues import Code, Refused, place, warning
from kmodd.config.last_good import LastGood
from kmodd.config.layers import Scan
from kmodd.config.look import MAX_BYTES, ConfigFile, Standing, unreadable
from kmodd.config.parse import parse_fragment, parse_settings
from kmodd.config.reading import Invalid, decode
from kmodd.config.safefile import read_file
from kmodd.config.settle import Candidate, Version
from kmodd.model import Settings
from kmodd.named_tuple import NamedTuple
from kmodd.names import printable
from kmodd.shown import Issue

MAX_TOTAL_BYTES = 8 << 20


class Gathered(NamedTuple):
    """Candidates for every name; ``bad``: files by name that are not right in themselves, and why."""

    candidates: tuple[Candidate, ...]
    bad: Mapping[str, tuple[Issue, ...]]


def gather(found: Scan, last_good: LastGood, owners: frozenset[int]) -> Gathered:
    """Read and check every visible file; each is looked at for itself only."""
    kept = _kept(found, last_good)
    candidates = [
        Candidate(name, _versions(name, document), changed=False) for name, document in kept.items()
    ]
    bad: dict[str, tuple[Issue, ...]] = {}
    room = MAX_TOTAL_BYTES
    for file in found.visible:
        if file.name in kept:
            continue
        room -= file.size
        version, issues = _current(file, owners, has_room=room >= 0)
        if version is None:
            bad[file.name] = issues
        candidates.append(_candidate(file.name, version, last_good.files.get(file.name)))
    return Gathered(tuple(candidates), bad)


def gather_settings(
    file: ConfigFile | None, last_good: Document | None, owners: frozenset[int]
) -> tuple[Settings, Document | None, tuple[Issue, ...]]:
    """The daemon's settings: of the file, else as they were last in force, else the defaults."""
    if file is None:
        return Settings(), None, ()
    document, issues = _read(file, owners)
    if document is not None:
        settings, issues = parse_settings(document)
        if settings is not None:
            return settings, document, ()
    kept = parse_settings(last_good)[0] if last_good else None
    told = (*issues, fallback_note(file.path, used=kept is not None))
    return kept or Settings(), last_good, told


def fallback_note(path: str | os.PathLike[str], *, used: bool) -> Issue:
    """What is in force in place of a file or directory that is refused."""
    if used:
        return warning(Code.LAST_GOOD_USED, "what it last said stays in force", "mend the file", place(path))
    return warning(Code.LEFT_OUT, "nothing of it is in force", "mend the file", place(path))


def _kept(found: Scan, last_good: LastGood) -> dict[str, Document]:
    """Documents of directories that cannot be listed: nobody knows that they have gone."""
    ranks = {file.name: file.rank for file in found.files if file.standing is not Standing.HIDDEN}
    return {
        name: document
        for entry in found.refused
        for name, document in last_good.files.items()
        if os.path.dirname(document.file) == printable(str(entry.path))
        and ranks.get(name, entry.rank) >= entry.rank
    }


def _candidate(name: str, version: Version | None, last_good: Document | None) -> Candidate:
    if version is None:
        return Candidate(name, _versions(name, last_good), changed=False)
    if last_good is not None and last_good.text == version.document.text:
        return Candidate(name, (version,), changed=False)
    return Candidate(name, (version, *_versions(name, last_good)), changed=True)


def _versions(name: str, document: Document | None) -> tuple[Version, ...]:
    """A kept document as a version, if this kmodd still takes it."""
    fragment = parse_fragment(name, document)[0] if document else None
    return (Version(document, fragment),) if document and fragment else ()


def _current(
    file: ConfigFile, owners: frozenset[int], *, has_room: bool
) -> tuple[Version | None, tuple[Issue, ...]]:
    document, issues = _read(file, owners, has_room=has_room)
    if document is None:
        return None, issues
    fragment, issues = parse_fragment(file.name, document)
    return (Version(document, fragment) if fragment else None), issues


def _read(
    file: ConfigFile, owners: frozenset[int], *, has_room: bool = True
) -> tuple[Document | None, tuple[Issue, ...]]:
    """The text of a file, or why there is none."""
    try:
        if file.problem:
            return None, (file.problem,)
        if not has_room:
            message = f"all files together are larger than {MAX_TOTAL_BYTES} bytes"
            raise Refused(Code.TOO_LARGE, message, "shorten them")
        return decode(printable(str(file.path)), read_file(file.path, owners, MAX_BYTES)), ()
    except Invalid as invalid:
        return None, invalid.issues
    except Refused as refused:
        return None, (refused.issue(file.path),)
    except OSError as error:
        return None, (unreadable(error).issue(file.path),)
