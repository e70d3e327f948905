"""How states, conditions and outcomes stand out; the words alone say the same, for whoever sees no colour."""

from collections.abc import Mapping

from kmodd.action import ActionKind
from kmodd.cli.terminal.render import DIM, GREEN, PLAIN, RED, YELLOW, Cell
from kmodd.shown import Condition, DaemonState, Outcome, Severity

CONDITIONS: Mapping[str, str] = {
    Condition.IN_SYNC: GREEN,
    Condition.BUILTIN: GREEN,
    Condition.DENIED: GREEN,
    Condition.CONDITION_UNMET: DIM,
    Condition.WAITING_FOR_HARDWARE: DIM,
    Condition.NOT_MANAGED: DIM,
    Condition.WAITING_FOR_DEPENDENCY: YELLOW,
    Condition.LOADING: YELLOW,
    Condition.LOADING_SLOW: YELLOW,
    Condition.BACKING_OFF: YELLOW,
    Condition.DRIFTED: YELLOW,
    Condition.RELOAD_PENDING: YELLOW,
    Condition.REBOOT_PENDING: YELLOW,
    Condition.IN_USE: YELLOW,
    Condition.UNVERIFIABLE: YELLOW,
    Condition.DENIED_BUT_LOADED: RED,
    Condition.DENIED_BUILTIN: RED,
    Condition.MISSING: RED,
    Condition.FAILED: RED,
    Condition.QUARANTINED: RED,
    Condition.CONFLICT: RED,
}
STATES: Mapping[str, str] = {
    DaemonState.CONVERGED: GREEN,
    DaemonState.STARTING: YELLOW,
    DaemonState.PAUSED: YELLOW,
    DaemonState.DEGRADED: RED,
}
OUTCOMES: Mapping[str, str] = {
    Outcome.DONE: GREEN,
    Outcome.UNCHANGED: DIM,
    Outcome.BLOCKED: YELLOW,
    Outcome.FAILED: RED,
}
ACTIONS: Mapping[str, tuple[str, str]] = {
    ActionKind.LOAD: ("+", GREEN),
    ActionKind.UNLOAD: ("-", RED),
    ActionKind.WRITE: ("~", YELLOW),
}
"""As in a diff: the sign of an action and its tone."""
SEVERITIES: Mapping[str, str] = {Severity.ERROR: RED, Severity.WARNING: YELLOW}

_IN_ORDER = (GREEN, DIM)


def in_order(condition: str) -> bool:
    """Whether nothing is left to do for a module."""
    return CONDITIONS.get(condition, RED) in _IN_ORDER


def toned(word: str, tones: Mapping[str, str]) -> Cell:
    """A word in its tone; one that a later version of kmodd has brought is plain."""
    return Cell(word, tones.get(word, PLAIN))
