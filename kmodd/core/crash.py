"""What open intents of an earlier boot mean: who is to be tried once more, and who not at all.

An intent whose end nobody saw makes its change a suspect. The kernel's own log of the crash confirms that or
not; without one the change gets one further try, last and alone, and after that none. A boot that ended as
it should clears everybody whom the kernel had not convicted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from kmodd.action import ActionKind
from kmodd.intent import Intent
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import EMPTY

TRIES: Final = 2
LINES_KEPT: Final = 40
UNHEALTHY_BOOTS: Final = 3
"""So many in a row, of the same files, and kmodd only observes."""
_DOING: Final = {
    ActionKind.LOAD: "loading it",
    ActionKind.UNLOAD: "taking it out",
    ActionKind.WRITE: "setting these parameters",
}
_UNTIL: Final = {
    ActionKind.LOAD: "its file, its parameters or the kernel are others, or until it is released",
    ActionKind.UNLOAD: "the kernel is another, or until it is released",
    ActionKind.WRITE: "other values are declared, the kernel is another, or until it is released",
}
_CRASHED: Final = {
    ActionKind.LOAD: "its init",
    ActionKind.UNLOAD: "its exit",
    ActionKind.WRITE: "setting a parameter",
}

# Texts: re compiles what is used, and keeps it; a start needs none of these.
# "<4>[   12.345678] text": what the kernel puts before a line of a crash log.
_STAMP: Final = r"^(?:<\d{1,3}>)?(?:\[ *\d+\.\d+\](?:\[ *[CT]\d+\])? ?)?"
# A frame of a call trace: "init_module+0x15/0xff0 [name]", newer kernels with a build id behind the name.
_FRAME: Final = r"\+0x[0-9a-f]+/0x[0-9a-f]+ \[([\w-]+)(?: [0-9a-f]+)?\]"
# "Modules linked in: a(+) b(OE+) c": a plus is on its way in, a minus on its way out (kernel/module/main.c,
# module_flags).
_MOVING: Final = r"(?<= )([\w-]+)\([A-Z]*[+-]\)"
_LINKED: Final = "Modules linked in:"
_BEGINS: Final = ("Kernel panic", "BUG:", "Oops", "Unable to handle", "Internal error", "kernel BUG at")


class Quarantine(NamedTuple):
    """A change that is not made: this kind, of this module file, with these options, on this kernel.

    ``confirmed``: the kernel's log names the module. ``lines`` are from that log. ``since_us`` is
    CLOCK_REALTIME, when the change was begun for the last time.
    """

    module: ModuleName
    kind: ActionKind
    digest: str
    options: str
    kernel: str
    since_us: int
    confirmed: bool = False
    lines: tuple[str, ...] = ()


class Boot(NamedTuple):
    """What is remembered of a boot. ``clean``: kmodd was stopped, ``healthy``: it was at work for a while.

    ``unhealthy``: boots before it, one after the other and with the same files (``key``), that ended neither
    way.
    """

    boot_id: str = ""
    key: str = ""
    unhealthy: int = 0
    clean: bool = False
    healthy: bool = False


class Examination(NamedTuple):
    """What comes of open intents. ``own`` are of this boot, ``void`` mean nothing any more and can go."""

    own: tuple[Intent, ...] = ()
    void: tuple[Intent, ...] = ()
    suspects: tuple[Intent, ...] = ()
    quarantines: tuple[Quarantine, ...] = ()


def examine(
    intents: Iterable[Intent], before: Boot, boot_id: str, logs: Mapping[int, Sequence[str]] = EMPTY
) -> Examination:
    """Sort open intents; ``logs``: lines of crash logs by the time when they were recorded (CLOCK_REALTIME).

    ``before``: the last boot that is remembered.
    """
    own, void, suspects, quarantines = [], [], [], []
    opened = tuple(intents)
    over = _done_with(intent for intent in opened if intent.boot_id == boot_id)
    for intent in opened:
        if intent in over:
            void.append(intent)
        elif intent.boot_id == boot_id:
            own.append(intent)
        elif before.clean and before.boot_id == intent.boot_id and not intent.crashed:
            void.append(intent)
        else:
            lines = _evidence(intent, logs)
            if lines or intent.tries >= TRIES:
                quarantines.append(quarantined(intent, lines))
            else:
                suspects.append(intent)
    return Examination(tuple(own), tuple(void), tuple(suspects), tuple(quarantines))


def _done_with(own: Iterable[Intent]) -> list[Intent]:
    """Those whose process went on to another change: it makes one after the other, if each went well."""
    processes: dict[tuple[int, int], list[Intent]] = {}
    for intent in own:
        processes.setdefault((intent.pid, intent.start_ticks), []).append(intent)
    changes = (sorted(intents, key=lambda intent: intent.since_us) for intents in processes.values())
    return [intent for intents in changes for intent in intents[:-1] if not intent.crashed]


def quarantined(intent: Intent, lines: Sequence[str]) -> Quarantine:
    """The quarantine for what an intent was about; ``lines`` name its module, or there are none."""
    return Quarantine(
        intent.module,
        intent.kind,
        intent.digest,
        intent.options,
        intent.kernel,
        intent.began_us,
        bool(lines),
        tuple(lines),
    )


def begun(before: Boot, boot_id: str, key: str) -> Boot:
    """The record of the boot that has just begun, with files whose catalog has this key.

    Once too many have failed, a good one, in which nothing was done, proves nothing.
    """
    if not key or before.key != key:
        return Boot(boot_id, key)
    failed = not (before.clean or before.healthy) and before.unhealthy < UNHEALTHY_BOOTS
    return Boot(boot_id, key, before.unhealthy + 1 if failed else _kept(before.unhealthy))


def _kept(unhealthy: int) -> int:
    return unhealthy if unhealthy >= UNHEALTHY_BOOTS else 0


def accused(lines: Iterable[str], module: ModuleName) -> bool:
    """Whether a crash log names ``module``: in a call trace, or as on its way in or out."""
    return any(module in _named(line) for line in lines)


def _named(line: str) -> Iterator[str]:
    found = re.findall(_FRAME, line)
    if _LINKED in line:
        found += re.findall(_MOVING, line)
    return (name.replace("-", "_") for name in found)


def _evidence(intent: Intent, logs: Mapping[int, Sequence[str]]) -> tuple[str, ...]:
    """The part of a crash log that was recorded after the change began, and names its module."""
    for time_us, lines in sorted(logs.items(), reverse=True):
        crash = _of_crash(lines) if time_us >= intent.began_us else []
        if accused(crash, intent.module):
            return tuple(crash[:LINES_KEPT])
    return ()


def _of_crash(lines: Iterable[str]) -> list[str]:
    """What was logged from the crash on, without time stamps and empty lines; all where no line begins it."""
    texts = [text for line in lines if (text := re.sub(_STAMP, "", line).strip())]
    first = next((number for number, text in enumerate(texts) if text.startswith(_BEGINS)), 0)
    return texts[first:]


def tells_of_crash(messages: Iterable[str]) -> bool:
    """Whether the kernel logged that something in it crashed."""
    return any(text.startswith(_BEGINS) for text in messages)


def crash_sentence(kind: ActionKind) -> str:
    """That the kernel killed the process of a change: what it held is held for ever."""
    return f"{_CRASHED[kind]} crashed in the kernel; nobody tries that again before the next boot"


def why(quarantine: Quarantine) -> str:
    """What happened, and what ends it: a sentence."""
    doing = _DOING[quarantine.kind]
    if quarantine.confirmed:
        cause = f"{doing} crashed the kernel, whose log of that names it"
    else:
        cause = f"the machine went down while kmodd was {doing}, and again when that was tried alone"
    return f"{cause}; it is not done again until {_UNTIL[quarantine.kind]}"
