"""Requirements that can never be met: along ``requires``, however long the chain."""

from __future__ import annotations

from collections.abc import Iterator

from kmodd.config.issues import Code, Contradiction, joined
from kmodd.config.merge import Merged, is_conditional, is_lasting, names_in, state_of
from kmodd.model import Desired
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import Location

_ABSENT = (Desired.UNLOADED, Desired.DENIED)
_HINT = "only one of them can hold"


class Requirement(NamedTuple):
    """``puller`` requires ``need``, as ``place`` says."""

    puller: ModuleName
    need: ModuleName
    place: Location

    def __str__(self) -> str:
        return f"{self.puller} requires {self.need} ({self.place})"


def denied_but_required(merged: Merged) -> Iterator[Contradiction]:
    """A module that is never to be there, and one that needs it and is always to be loaded."""
    pullers = _pullers(merged)
    for name, rows in merged.items():
        if state_of(rows) not in _ABSENT or is_conditional(rows):
            continue
        source = rows["state"].source
        for chain in _chains_up(merged, pullers, name):
            message = (
                f"{joined([*map(str, chain)])}, but {name} is {state_of(rows).value} ({source.location})"
            )
            places = (*(requirement.place for requirement in chain), source.location)
            yield Contradiction(Code.DENIED_BUT_REQUIRED, message, _HINT, places)


def conflicts_with_required(merged: Merged) -> Iterator[Contradiction]:
    """A module that needs what it keeps out."""
    required = frozenset(need for rows in merged.values() for need in names_in(rows, "requires"))
    for name, rows in merged.items():
        for key, verb in (("conflicts", "conflicts with"), ("replaces", "replaces")):
            unwanted = required.intersection(names_in(rows, key))
            if unwanted and state_of(rows) not in _ABSENT:
                place = rows[key].source.location
                for chain in _chains_down(merged, name, unwanted):
                    need = chain[-1].need
                    message = f"{joined([*map(str, chain)])}, but {name} {verb} {need} ({place})"
                    places = (*(requirement.place for requirement in chain), place)
                    yield Contradiction(Code.CONFLICTS_WITH_REQUIRED, message, _HINT, places)


def replaced_but_required(merged: Merged) -> Iterator[Contradiction]:
    """A module that is unloaded for one, and needed by another: that would never come to rest."""
    pullers = _pullers(merged)
    for name, rows in merged.items():
        if not is_lasting(rows):
            continue
        for other in names_in(rows, "replaces"):
            place = rows["replaces"].source.location
            for chain in _chains_up(merged, pullers, other):
                if name not in {requirement.puller for requirement in chain}:
                    message = f"{joined([*map(str, chain)])}, but {name} replaces {other} ({place})"
                    places = (*(requirement.place for requirement in chain), place)
                    yield Contradiction(Code.REPLACED_BUT_REQUIRED, message, _HINT, places)


def _pullers(merged: Merged) -> dict[ModuleName, list[Requirement]]:
    """Module -> what requires it."""
    pullers: dict[ModuleName, list[Requirement]] = {}
    for name in merged:
        for requirement in _requirements(merged, name):
            pullers.setdefault(requirement.need, []).append(requirement)
    return pullers


def _requirements(merged: Merged, name: ModuleName) -> Iterator[Requirement]:
    rows = merged.get(name, {})
    for need in names_in(rows, "requires"):
        yield Requirement(name, need, rows["requires"].source.location)


def _chains_up(
    merged: Merged, pullers: dict[ModuleName, list[Requirement]], denied: ModuleName
) -> Iterator[list[Requirement]]:
    """Shortest chain from each lasting module down to ``denied``; what is between may never be loaded."""
    below: dict[ModuleName, Requirement] = {}
    queue = [denied]
    for name in queue:
        for requirement in pullers.get(name, ()):
            puller = requirement.puller
            if puller in below or puller == denied:
                continue
            below[puller] = requirement
            if is_lasting(merged[puller]):
                yield _walk_down(below, puller, denied)
            elif state_of(merged[puller]) not in _ABSENT:
                queue.append(puller)


def _walk_down(below: dict[ModuleName, Requirement], start: ModuleName, end: ModuleName) -> list[Requirement]:
    chain = []
    while start != end:
        chain.append(below[start])
        start = below[start].need
    return chain


def _chains_down(
    merged: Merged, name: ModuleName, wanted: frozenset[ModuleName]
) -> Iterator[list[Requirement]]:
    """Shortest chain from ``name`` to each of ``wanted`` that it needs."""
    above: dict[ModuleName, Requirement] = {}
    queue = [name]
    for puller in queue:
        for requirement in _requirements(merged, puller):
            if requirement.need not in above and requirement.need != name:
                above[requirement.need] = requirement
                queue.append(requirement.need)
    for need in sorted(wanted & above.keys()):
        chain = []
        while need != name:
            chain.append(above[need])
            need = above[need].puller  # noqa: PLW2901 - walks up from it
        yield chain[::-1]
