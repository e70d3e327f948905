"""Which version of each file is in force: the present one if it fits, else the last good one, else none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kmodd.config.contradictions import find_contradictions
from kmodd.config.fragment import Document, Fragment
from kmodd.config.issues import Contradiction, error
from kmodd.config.merge import Merged, merge
from kmodd.named_tuple import NamedTuple
from kmodd.shown import Issue


class Version(NamedTuple):
    """A file's content as it could be in force."""

    document: Document
    fragment: Fragment


class Candidate(NamedTuple):
    """A file by its name; ``versions`` best first, ``changed``: the first one has not been in force yet."""

    name: str
    versions: tuple[Version, ...]
    changed: bool


class Settled(NamedTuple):
    """What holds together: versions in force by file name, their rows merged, and what did not fit."""

    in_force: Mapping[str, Version]
    merged: Merged
    issues: tuple[Issue, ...]
    refused: frozenset[str]


def settle(candidates: Iterable[Candidate]) -> Settled:
    """Step back file by file until nothing contradicts; the order of ``candidates`` does not matter."""
    files = {candidate.name: candidate for candidate in sorted(candidates, key=lambda item: item.name)}
    step = dict.fromkeys(files, 0)
    issues: list[Issue] = []
    while True:
        in_force = {
            name: candidate.versions[step[name]]
            for name, candidate in files.items()
            if step[name] < len(candidate.versions)
        }
        merged = merge(version.fragment for version in in_force.values())
        blamed = _blame(files, in_force, merged, issues)
        if not blamed:
            refused = frozenset(name for name in files if step[name])
            return Settled(in_force, merged, tuple(dict.fromkeys(issues)), refused)
        for name in blamed:
            step[name] += 1


def _blame(
    files: Mapping[str, Candidate], in_force: Mapping[str, Version], merged: Merged, issues: list[Issue]
) -> set[str]:
    """Files that step back, one for each contradiction that none of the others solves already."""
    names = {version.document.file: name for name, version in in_force.items()}
    blamed: set[str] = set()
    for contradiction in find_contradictions(merged):
        involved = {names[place.file] for place in contradiction.places}
        if not blamed & involved:
            # What has changed since all was well, and of that what comes last.
            changed = {
                name for name in involved if files[name].changed and in_force[name] is files[name].versions[0]
            }
            culprit = max(changed or involved)
            blamed.add(culprit)
            issues.append(_issue(contradiction, in_force[culprit].document.file))
    return blamed


def _issue(contradiction: Contradiction, file: str) -> Issue:
    """The contradiction as an error at its last place in ``file``."""
    where = max(
        (place for place in contradiction.places if place.file == file),
        key=lambda place: (place.line, place.column),
    )
    return error(contradiction.code, contradiction.message, contradiction.hint, where)
