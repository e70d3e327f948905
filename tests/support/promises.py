"""What kmodd promises and must not be made to do, a row each, and the tier that has to show it.

A test says with ``@pytest.mark.shows("P4", "fault: ENODEV")`` what it shows; tests/support/coverage.py makes
tests/PROMISES.md of that.
"""

from typing import NamedTuple


class Row(NamedTuple):
    """One promise, fault or requirement; without tiers any tier will do."""

    key: str
    text: str
    tiers: tuple[str, ...] = ()


FAST, BUS, UML, VM = "fast", "bus", "UML", "VM"
TIERS = {
    FAST: ("unit", "cases", "adapters", "fuzz", "bus"),
    BUS: ("bus",),
    UML: ("uml", "debian"),
    VM: ("debian", "vm"),
}
"""Directories below tests that count for a tier. ``VM`` is a whole Debian with the package installed."""

PROMISES = (
    Row("P1", "when all is as declared, another pass asks nothing of the kernel", (FAST, UML)),
    Row("P2", "in-sync needs a live module whose parameters were read back", (UML, VM)),
    Row("P3", "a load that hangs holds up no answer, no watchdog, no stop and no restart", (VM,)),
    Row("P4", "what crashed its loader is left alone for this boot, by everybody; the rest goes on", (VM,)),
    Row("P5", "a bad change costs one crashed boot, two where it may have been the power", (VM,)),
    Row("P6", "nothing is missed when events overflow or udevd, the bus or polkit restart", (BUS, UML, VM)),
    Row("P7", "a broken file changes nothing: its last good version holds, errors have places", (FAST, UML)),
    Row("P8", "killed at any point, kmodd leaves valid state and the next start converges", (FAST, UML)),
    Row("P9", "what is not managed is not touched, and nothing is forced out", (FAST, UML)),
    Row("P10", "one table says who may call what, and each role is tried", (BUS, VM)),
    Row("P11", "an unprivileged user costs bounded processor time, memory, disk and log", (UML, VM)),
    Row("P12", "the kill switches outweigh everything else", (VM,)),
)

FAULTS = (
    Row("fault: ENODEV", "waits for hardware; tried again when a matching device comes"),
    Row("fault: EINVAL", "EINVAL, ERANGE, ENOSPC, ENOENT, ENOEXEC: lasting until something changes"),
    Row("fault: EEXIST", "a success only if it is live with these parameters"),
    Row("fault: EBUSY", "EBUSY, EAGAIN, ENOMEM: tried again, ever later up to a cap, spread"),
    Row("fault: EPERM", "EPERM, EKEYREJECTED: the cause is named; not tried again"),
    Row("fault: slow", "out of time, coming, no new taint: watched and not loaded a second time"),
    Row("fault: oops", "coming with new taint, or going with its child dead: quarantine and install block"),
    Row("fault: no room for intents", "strict loads nothing, best-effort loads and says so; both degraded"),
    Row("fault: lost events", "a socket that overflowed: drained, one full look, counted"),
    Row("fault: no bus", "reconciling goes on, the bus is found again; without polkit no changes"),
    Row("fault: clock", "a jump of the wall clock moves no timer"),
    Row("fault: SIGHUP", "a thousand reloads are few passes"),
    Row("fault: too much", "10,000 files, 100 MB of TOML: limits, compiled beside the daemon"),
    Row("fault: bad file", "no UTF-8, NUL, loop, FIFO, device, vanishing, half written: refused alone"),
    Row("fault: no tree", "modules of the running kernel removed: missing, said so, nothing unloaded"),
    Row(
        "fault: open intent",
        "a log of the crash: quarantine; else one try alone; three bad boots: observe",
    ),
    Row("fault: full disk", "no write of the daemon that fails stops it or changes a module"),
)

SECURITY = (
    Row("security 1", "denied unless the one table has a row, setters of properties included"),
    Row("security 2", "polkit judges the bus name; error, silence, no polkit, gone caller: denied"),
    Row("security 3", "no call carries a command, a path or raw text; overrides are typed and bounded"),
    Row("security 4", "no shell, argument lists, fixed environment, names of a small alphabet"),
    Row("security 5", "what is generated is read back by libkmod and compared"),
    Row("security 6", "configuration and its directories belong to root, are plain, opened without links"),
    Row("security 7", "only root has the bus name; bodies, waiting and running calls bounded by sender"),
    Row("security 8", "text of the kernel, of modules, of devices and of callers is shown escaped"),
    Row("security 9", "events count only if the kernel sent them"),
)

ROWS = PROMISES + FAULTS + SECURITY

UNCOVERED: dict[tuple[str, str], str] = {}
"""Row and tier that no test shows yet, with the reason; it can only become shorter unseen."""
