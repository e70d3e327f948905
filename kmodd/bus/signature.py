"""Signatures of D-Bus, cut into single complete types. Whether a stranger's is one at all, dbus_next says."""

from __future__ import annotations

from kmodd.bus.kept import kept
from kmodd.bus.message import WireError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

OWN = frozenset(
    (
        *("", *"ybnqiuxtdsogv", "as", "av", "ss", "su", "uu", "sss", "so", "ssv"),
        *("a(ss)", "a(st)", "a(sss)", "a(ssss)", "a(sssss)", "a(ssus)", "a(suus)", "a(ss)as"),
        *("a{ss}", "a{sv}", "sa{sv}", "sa{sv}as", "oas", "a{sa{sv}}", "oa{sa{sv}}", "a{oa{sa{sv}}}"),
    )
)
"""What kmodd and its tool say and expect to hear: who meets only these does without dbus_next."""


@kept(256)
def split_signature(signature: str) -> tuple[str, ...]:
    """Single complete types of ``signature``; raises WireError."""
    if signature not in OWN and not _is_signature()(signature):
        raise WireError(f"{signature!r} is not a signature")
    return types_in(signature)


def prepare() -> None:
    """Have at hand what strangers' signatures need: no call waits for it, and no upgrade takes it away."""
    _is_signature()


def _is_signature() -> Callable[[str], bool]:
    # Its import is a tenth of the daemon's start, and would be a third of kmoddctl status.
    from kmodd.bus.library import is_signature  # noqa: PLC0415

    return is_signature


def types_in(signature: str) -> tuple[str, ...]:
    """The same for what is a signature, or stands inside of one."""
    found = []
    begin = depth = 0
    for at, letter in enumerate(signature, 1):
        depth += (letter in "({") - (letter in ")}")
        if not depth and letter != "a":
            found.append(signature[begin:at])
            begin = at
    return tuple(found)
