"""What to do about a module that is not as declared: in addition to its message, which says why.

The tests hold the words to ``kmodd.shown``, as those of ``kmodd.cli.terminal.tones``.
"""

from __future__ import annotations

from kmodd.named_tuple import NamedTuple
from kmodd.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from kmodd.cli.bus.standing import Overview


class Advice(NamedTuple):
    """What to do, and ``look``: what the status of the module alone has to show beside that.

    ``is_kmodds``: what is to be done is kmodd's to do, which it does not while it may not.
    """

    do: str
    look: str = ""
    is_kmodds: bool = False


_LATER = Advice("nothing to do: it goes on by itself", is_kmodds=True)
_USED = Advice("it goes on when they are gone", "kmoddctl status {name} says who uses it", is_kmodds=True)

ADVICE: Mapping[str, Advice] = {
    "waiting-for-dependency": _LATER,
    "loading": _LATER,
    "loading-slow": Advice("nothing to do but wait: a load cannot be ended"),
    "backing-off": Advice("it is tried again by itself; kmoddctl retry {name} tries now", is_kmodds=True),
    "drifted": Advice(
        "kmoddctl retry {name} sets it again",
        "kmoddctl status {name} shows what is wanted and what was found",
        is_kmodds=True,
    ),
    "reload-pending": Advice(
        'when nothing uses it, kmodd reloads it if on_parameter_change = "reload"; else modprobe -r {name}',
        is_kmodds=True,
    ),
    "reboot-pending": Advice("reboot, when that is convenient"),
    "in-use": _USED,
    "unverifiable": Advice(
        "what kmodd has loaded itself is known: modprobe -r {name}, if it is about a parameter",
        is_kmodds=True,
    ),
    "denied-but-loaded": _USED,
    "denied-builtin": Advice("only the kernel command line keeps it from starting"),
    "missing": Advice("install what has it, or take it out of the file that kmoddctl explain {name} shows"),
    "failed": Advice(
        "kmoddctl retry {name} tries again",
        "kmoddctl status {name} shows what the kernel said",
        is_kmodds=True,
    ),
    "quarantined": Advice("kmoddctl release {name} lets it be tried again", is_kmodds=True),
    "conflict": Advice("kmoddctl explain {name} shows who declares what"),
}
_NONE = Advice("")
_PAUSED = "nothing more is begun before kmoddctl resume"
_REPORTS = "nothing is begun while kmodd only reports"


def idleness(overview: Overview) -> str:
    """What is true in the place of what kmodd would do by itself; "" while it may."""
    if not overview.enforcing:
        return _REPORTS
    return _PAUSED if overview.paused else ""


def what_to_do(condition: str, name: str, idle: str = "") -> str:
    """In a few words, for the whole status; "" where nothing is to be done. ``idle`` as of idleness()."""
    advice = ADVICE.get(condition, _NONE)
    return idle if idle and advice.is_kmodds else advice.do.format(name=printable(name))


def where_to_look(condition: str, name: str, idle: str = "") -> str:
    """The same beside other modules: where there is more to see comes first."""
    look = ADVICE.get(condition, _NONE).look.format(name=printable(name))
    return "; ".join(filter(None, (look, what_to_do(condition, name, idle))))
