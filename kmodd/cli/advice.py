"""What to do about a module that is not as declared: in addition to its message, which says why."""

from collections.abc import Mapping

from kmodd.names import printable
from kmodd.shown import Condition

_LATER = "nothing to do: it goes on by itself"
_WHO = "kmoddctl status {name} says who uses it; it goes on when they are gone"
_LOOK = "kmoddctl status {name} shows what the kernel said; kmoddctl retry {name} tries again"

ADVICE: Mapping[str, str] = {
    Condition.WAITING_FOR_DEPENDENCY: _LATER,
    Condition.LOADING: _LATER,
    Condition.LOADING_SLOW: "nothing to do but wait: a load cannot be ended",
    Condition.BACKING_OFF: "it is tried again by itself; kmoddctl retry {name} tries now",
    Condition.DRIFTED: "kmoddctl status {name} shows what is wanted and what was found",
    Condition.RELOAD_PENDING: 'unload it (modprobe -r {name}), or let kmodd: on_parameter_change = "reload"',
    Condition.REBOOT_PENDING: "reboot, when that is convenient",
    Condition.IN_USE: _WHO,
    Condition.UNVERIFIABLE: "kmoddctl status {name} shows what cannot be read back",
    Condition.DENIED_BUT_LOADED: _WHO,
    Condition.DENIED_BUILTIN: "only the kernel command line keeps it from starting",
    Condition.MISSING: "install the package that has it, or take it out of the file: kmoddctl explain {name}",
    Condition.FAILED: _LOOK,
    Condition.QUARANTINED: "kmoddctl release {name} lets it be tried again",
    Condition.CONFLICT: "kmoddctl explain {name} shows who declares what",
}


def advice(condition: str, name: str) -> str:
    """What to do, in a few words; "" where nothing is."""
    return ADVICE.get(condition, "").format(name=printable(name))
