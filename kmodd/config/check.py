"""``kmoddctl check FILES``: everything that is wrong with files, before they are put in their place."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kmodd.config.fragment import Document
from kmodd.config.issues import Refused
from kmodd.config.look import MAX_BYTES, unreadable
from kmodd.config.merge import declare
from kmodd.config.parse import parse_fragment, parse_settings
from kmodd.config.reading import Invalid, decode
from kmodd.config.safefile import read_any_file
from kmodd.config.settle import Candidate, Version, settle
from kmodd.model import Declaration
from kmodd.named_tuple import NamedTuple
from kmodd.names import printable
from kmodd.shown import Issue

_SETTINGS = "kmodd.toml"


class Checked(NamedTuple):
    """What is wrong with files, and what the right ones declare together."""

    issues: tuple[Issue, ...]
    declarations: tuple[Declaration, ...]


def check(files: Iterable[Path]) -> tuple[Issue, ...]:
    """Issues of ``files`` alone."""
    return checked(files).issues


def checked(files: Iterable[Path]) -> Checked:
    """``files`` as if no others were there; owners and modes are not asked yet.

    A file named kmodd.toml is taken for the daemon's settings, unless it lies in a directory of drop-ins.
    """
    candidates: list[Candidate] = []
    issues: list[Issue] = []
    for path in files:
        try:
            document = _read(path)
        except Invalid as invalid:
            issues.extend(invalid.issues)
            continue
        if path.name == _SETTINGS and not path.absolute().parent.name.endswith(".d"):
            issues.extend(parse_settings(document)[1])
            continue
        fragment, found = parse_fragment(path.name, document)
        issues.extend(found)
        if fragment:
            # In order of file name as always, and yet apart when two of one name are asked for.
            candidates.append(Candidate(f"{path.name}\0{path}", (Version(document, fragment),), changed=True))
    settled = settle(candidates)
    declarations = tuple(declare(name, rows) for name, rows in sorted(settled.merged.items()))
    return Checked((*issues, *settled.issues), declarations)


def _read(path: Path) -> Document:
    """The text of a file that anybody may own; raises Invalid."""
    try:
        return decode(printable(str(path)), read_any_file(path, MAX_BYTES))
    except Refused as refused:
        raise Invalid(refused.issue(path)) from None
    except OSError as error:
        raise Invalid(unreadable(error).issue(path)) from None
