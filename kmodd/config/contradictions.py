"""What cannot hold together although each file is right: found in the merged rows."""

from collections.abc import Callable, Iterator

from kmodd.config.cycles import Edge, find_cycles
from kmodd.config.fragment import TABLE
from kmodd.config.issues import Code, Contradiction, joined
from kmodd.config.merge import Merged, is_lasting, names_in
from kmodd.config.requirements import conflicts_with_required, denied_but_required, replaced_but_required
from kmodd.model import WhenGone

MAX_MODULES = 10_000


def find_contradictions(merged: Merged) -> Iterator[Contradiction]:
    """All of them, as far as files alone can tell: what hangs on a condition may well hold."""
    checks: tuple[Callable[[Merged], Iterator[Contradiction]], ...] = (
        _too_many,
        _incomplete_ready,
        _incomplete_when_gone,
        _order_cycles,
        denied_but_required,
        conflicts_with_required,
        _replaced_but_loaded,
        replaced_but_required,
    )
    for check in checks:
        yield from check(merged)


def _too_many(merged: Merged) -> Iterator[Contradiction]:
    """One for each module beyond the limit, so that every file behind them is told."""
    for rows in list(merged.values())[MAX_MODULES:]:
        message = f"more than {MAX_MODULES} modules are declared"
        places = (rows[TABLE].source.location,)
        yield Contradiction(Code.TOO_MANY_MODULES, message, "no kernel has as many", places)


def _incomplete_ready(merged: Merged) -> Iterator[Contradiction]:
    for name, rows in merged.items():
        if "ready.timeout" in rows and "ready.path_exists" not in rows and "ready.device" not in rows:
            message = f"'ready' of {name} has a timeout and nothing to wait for"
            hint = "add ready.path_exists or ready.device"
            places = (rows["ready.timeout"].source.location,)
            yield Contradiction(Code.READY_INCOMPLETE, message, hint, places)


def _incomplete_when_gone(merged: Merged) -> Iterator[Contradiction]:
    for name, rows in merged.items():
        unloads = "when_gone" in rows and rows["when_gone"].value is WhenGone.UNLOAD
        if unloads and not ("when.device" in rows and rows["when.device"].value):
            message = f"'when_gone' of {name} has no device to go: it is about when.device alone"
            places = (rows["when_gone"].source.location,)
            yield Contradiction(Code.WHEN_GONE_INCOMPLETE, message, "add when.device, or take it out", places)


def _order_cycles(merged: Merged) -> Iterator[Contradiction]:
    for cycle in find_cycles(_edges(merged)):
        reasons = joined([f"{edge.said} ({edge.place})" for edge in cycle])
        names = [*(edge.first for edge in cycle), cycle[0].first]
        message = f"the order is a cycle, {' -> '.join(names[:20])}: {reasons}"
        places = tuple(edge.place for edge in cycle)
        yield Contradiction(Code.ORDER_CYCLE, message, "take one of these out", places)


def _edges(merged: Merged) -> Iterator[Edge]:
    """What must be loaded before what. ``wants`` is left out: it yields where it closes a cycle."""
    for name, rows in merged.items():
        for key, verb in (("after", "is after"), ("requires", "requires")):
            for other in names_in(rows, key):
                yield Edge(other, name, f"{name} {verb} {other}", rows[key].source.location)
        for other in names_in(rows, "before"):
            yield Edge(name, other, f"{name} is before {other}", rows["before"].source.location)


def _replaced_but_loaded(merged: Merged) -> Iterator[Contradiction]:
    """One key unloads it, another keeps it loaded: without conditions that would never come to rest."""
    lasting = {name for name, rows in merged.items() if is_lasting(rows)}
    for name in sorted(lasting):
        for other in lasting.intersection(names_in(merged[name], "replaces")):
            ours = merged[name]["replaces"].source.location
            theirs = merged[other].get("state", merged[other][TABLE]).source.location
            message = f"{name} replaces {other} ({ours}), but {other} is to be loaded ({theirs})"
            hint = f"take one out, or give {other} another state"
            yield Contradiction(Code.REPLACED_BUT_LOADED, message, hint, (ours, theirs))
