"""How states, conditions and outcomes stand out; the words alone say the same, for whoever sees no colour.

The words are those of ``kmodd.shown`` and ``kmodd.action``, and the tests hold them to those. They are not
imported: a command that shows what it was sent does without them.
"""

from __future__ import annotations

from kmodd.cli.terminal.render import DIM, GREEN, PLAIN, RED, YELLOW, Cell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CONDITIONS: Mapping[str, str] = {
    "in-sync": GREEN,
    "builtin": GREEN,
    "denied": GREEN,
    "condition-unmet": DIM,
    "waiting-for-hardware": DIM,
    "not-managed": DIM,
    "waiting-for-dependency": YELLOW,
    "loading": YELLOW,
    "loading-slow": YELLOW,
    "backing-off": YELLOW,
    "drifted": YELLOW,
    "reload-pending": YELLOW,
    "reboot-pending": YELLOW,
    "in-use": YELLOW,
    "unverifiable": YELLOW,
    "denied-but-loaded": RED,
    "denied-builtin": RED,
    "missing": RED,
    "failed": RED,
    "quarantined": RED,
    "conflict": RED,
}
DEGRADED = "degraded"
STATES: Mapping[str, str] = {
    "converged": GREEN,
    "starting": YELLOW,
    "paused": YELLOW,
    DEGRADED: RED,
}
OUTCOMES: Mapping[str, str] = {
    "done": GREEN,
    "unchanged": DIM,
    "blocked": YELLOW,
    "failed": RED,
}
ACTIONS: Mapping[str, tuple[str, str]] = {
    "load": ("+", GREEN),
    "unload": ("-", RED),
    "write": ("~", YELLOW),
}
"""As in a diff: the sign of an action and its tone."""
SEVERITIES: Mapping[str, str] = {"error": RED, "warning": YELLOW}

_IN_ORDER = (GREEN, DIM)


def in_order(condition: str) -> bool:
    """Whether nothing is left to do for a module."""
    return CONDITIONS.get(condition, RED) in _IN_ORDER


def toned(word: str, tones: Mapping[str, str]) -> Cell:
    """A word in its tone; one that a later version of kmodd has brought is plain."""
    return Cell(word, tones.get(word, PLAIN))
