"""Each fault of a simulated kernel through the daemon: condition, code, sentence, and the log entry."""

import errno
import logging
from pathlib import Path

import pytest

from kmodd.core.memory import Retry
from kmodd.daemon.chronicle import Chronicle
from kmodd.daemon.store import MemoryStore
from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.trigger import Look
from kmodd.intent import Note
from kmodd.model import Desired, Parameter, Report, Request, Security
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.daemon import CONFIG, MODULES, SimulatedDaemon, declare, play, with_parameters
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated import Fault
from tests.support.simulated_kernel import SimulatedModule, module
from tests.support.simulated_refusals import File

A, B = ModuleName("a"), ModuleName("b")
FULL = Look(full=True)
FIRMWARE = "platform {0}: Direct firmware load for {0}.bin failed with error -2"


def spoilt(kind: str) -> SimulatedModule:
    return module(kind.replace("-", "_"), file=File(spoilt=kind))


FAULTS = (
    *map(spoilt, ("crc", "cut-signature", "empty", "foreign-signature", "garbage", "truncated", "vermagic")),
    module("symbol", file=File(symbol="nobody_has_it")),
    module("firmware", fails=errno.ENOENT, says=(FIRMWARE.format("firmware"),)),
    module("nodev", fails=errno.ENODEV),
    module("nomem", fails=errno.ENOMEM),
    module("busy", fails=errno.EBUSY, says=("busy: gave up waiting for init of module deck.",)),
    module("exists", fails=errno.EEXIST),
    module("io", fails=errno.EIO),
    module("init", fails=errno.EINVAL),
    module("values", fails=errno.EINVAL, level=KernelParameter()),
    module("refused", level=KernelParameter()),
    module("range", level=KernelParameter("byte")),
    module("long", text=KernelParameter("charp")),
    module("ignored", described=("phantom",)),
    module("unknown", level=KernelParameter()),
)
DECLARED = {
    "values": {"level": "1"},
    "refused": {"level": "fast"},
    "range": {"level": "256"},
    "long": {"text": "x" * 1025},
    "ignored": {"phantom": "1"},
    "unknown": {"nonsense": "1"},
}
EXPECTED = {
    "crc": ("failed", "bad-format: it was built against another kernel: module_layout has"),
    "cut_signature": ("failed", "bad-signature: its signature is damaged"),
    "empty": ("failed", "bad-format: its file is empty or damaged (EINVAL)"),
    "foreign_signature": ("failed", "bad-signature: its signature of Somebody does not belong"),
    "garbage": ("failed", "bad-format: its file is damaged or no module (ENOEXEC)"),
    "truncated": ("failed", "bad-format: its file is damaged or no module (ENOEXEC)"),
    "vermagic": ("failed", "bad-format: it was built for '6.1.0-other SMP preempt"),
    "symbol": ("failed", "unknown-symbol: nothing in this kernel exports nobody_has_it"),
    "firmware": ("failed", "init-error: firmware is missing: firmware.bin (ENOENT)"),
    "nodev": ("waiting-for-hardware", "init-error: the module found no device (ENODEV)"),
    "nomem": ("backing-off", "no-memory: "),
    "busy": ("backing-off", "init-error: it needs deck, whose init function did not end"),
    "exists": ("backing-off", "init-error: a module of this name was just coming or going"),
    "io": ("backing-off", "init-error: its init function failed with EIO"),
    "init": ("failed", "init-error: its init function failed with EINVAL"),
    "values": ("failed", "bad-parameter: its init function failed with EINVAL, most likely"),
    "refused": ("failed", "bad-parameter: parameter level (int) does not take 'fast'"),
    "range": ("failed", "bad-parameter: parameter level (byte) does not take '256', that is out of range"),
    "long": ("failed", "bad-parameter: parameter text (charp) does not take 'xxx"),
    "ignored": ("failed", "bad-parameter: the kernel ignored phantom at loading"),
    "unknown": ("failed", "bad-parameter: unknown has no parameter 'nonsense'"),
}
LOADED = {"ignored", "unknown"}


def tell(daemon: SimulatedDaemon) -> None:
    """What the daemon's log says of its passes."""
    chronicle = Chronicle()
    for snapshot in daemon.shown:
        chronicle.tell(snapshot)


def codes(caplog: pytest.LogCaptureFixture) -> dict[str, set[tuple[str, str]]]:
    """What the log says of each module: CODE= and OUTCOME= of its warnings."""
    found: dict[str, set[tuple[str, str]]] = {}
    for record in caplog.records:
        marks = record.__dict__
        if record.levelno >= logging.WARNING and "MODULE" in marks:
            entry = marks.get("CODE", ""), marks.get("OUTCOME", "")
            found.setdefault(marks["MODULE"], set()).add(entry)
    return found


def test_each_fault_has_its_condition_code_and_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(
            *(with_parameters(m.name, **DECLARED.get(m.name, {})) for m in FAULTS),
        )
        await daemon.look(CONFIG)
        expected = {name: condition for name, (condition, _) in EXPECTED.items()}
        await daemon.until(lambda: daemon.conditions() == expected, 60.0)
        tell(daemon)
        statuses = {m.name: daemon.status(m.name) for m in FAULTS}
        wrong = {n: s.message for n, s in statuses.items() if not s.message.startswith(EXPECTED[n][1])}
        assert not wrong
        assert daemon.kernel.present() == LOADED

    play(tmp_path, scenario, FAULTS)
    told = codes(caplog)
    for name, (condition, message) in EXPECTED.items():
        code = condition if condition == "waiting-for-hardware" else message.partition(":")[0]
        assert told[name] == {(code, "" if name in LOADED else "failed")}


PERMITS = {
    "lockdown": (Security("integrity"), File(signed=False), "lockdown: the kernel is locked down"),
    "unsigned": (
        Security(signatures_enforced=True),
        File(signed=False),
        "bad-signature: it is not signed, and this kernel takes signed modules only",
    ),
    "disabled": (Security(modules_disabled=True), File(), "modules-disabled: modules can neither be"),
}


@pytest.mark.parametrize("kind", PERMITS)
def test_what_is_not_permitted_is_read_when_it_fails_not_in_the_last_pass(tmp_path: Path, kind: str) -> None:
    security, file, message = PERMITS[kind]

    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        assert daemon.snapshot.security == Security()
        daemon.kernel.permits = security
        daemon.declare(declare("a"))
        await daemon.look(CONFIG)
        assert daemon.status("a").condition is Condition.FAILED
        assert daemon.status("a").message.startswith(message)

    play(tmp_path, scenario, [module("a", file=file)])


def test_a_blacklist_that_proc_cmdline_does_not_show(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.blacklisted = frozenset("a")
        daemon.declare(declare("a"))
        await daemon.look(CONFIG)
        assert daemon.status("a").message.startswith("modules-disabled: module_blacklist= on the kernel")

    play(tmp_path, scenario, [module("a")])


def test_where_modules_are_disabled_what_is_to_go_stays_and_says_why(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.kernel.insert("a")
        daemon.kernel.insert("b")
        daemon.kernel.permits = Security(modules_disabled=True)
        daemon.declare(declare("a", Desired.UNLOADED), declare("b", Desired.DENIED))
        await daemon.look(CONFIG)
        assert daemon.status("a").condition is Condition.FAILED
        assert daemon.status("a").message.startswith("modules-disabled: ")
        assert daemon.status("b").condition is Condition.DENIED_BUT_LOADED
        assert daemon.status("b").message.startswith("modules-disabled: ")

    play(tmp_path, scenario, [module("a"), module("b")])


def test_a_module_that_lies_about_another_one_loaded_beside_it_changes_nothing(tmp_path: Path) -> None:
    """By the name that its lines begin with the victim, but not by what can be looked up."""
    lies = (
        "a: version magic 'spoofed' should be 'spoofed'",
        "a: `1' invalid for parameter `level'",
        "a: unknown parameter 'level' ignored",
        "Lockdown: a: unsigned module loading is restricted; see man kernel_lockdown.7",
        "b: a: Unknown symbol spoofed (err -2)",
    )

    async def scenario(daemon: SimulatedDaemon) -> None:
        for error in (errno.ENOEXEC, errno.EPERM, errno.ENOENT):
            daemon.loader.faults[A] = [Fault(error=error)]
            daemon.declare(declare("a"))
            await daemon.look(CONFIG)
            honest = daemon.status("a")
            daemon.loader.faults[A] = [Fault(error=error, messages=lies)]
            daemon.declare(declare("a"), declare("b"))
            await daemon.look(CONFIG)
            assert daemon.status("a").message == honest.message
            assert daemon.status("b").condition is Condition.IN_SYNC
            daemon.declare()
            await daemon.look(CONFIG)

    play(tmp_path, scenario, [module("a"), module("b", says=lies)])


def test_lines_of_a_module_that_is_changed_at_the_same_time_are_not_shown(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("a"), declare("b"))
        await daemon.look(CONFIG)
        assert daemon.status("a").kernel_messages == ("a: mine",)
        assert daemon.status("b").kernel_messages == ("b: mine",)

    play(tmp_path, scenario, [module(name, says=(f"{name}: mine",)) for name in "ab"])


def test_a_file_that_cannot_be_looked_at_leaves_the_errno(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("vermagic"))
        daemon.kernel.tree[ModuleName("vermagic")] = module("vermagic", fails=errno.ENOEXEC)
        perform = daemon.loader.perform

        async def then_lost(request: Request, note: Note | None = None) -> Report:
            report = await perform(request, note)
            daemon.loader.refusals = [KmoddError(ErrorKind.LOADER_LOST, "the loader has ended")]
            return report

        daemon.loader.perform = then_lost  # type: ignore[method-assign]
        await daemon.look(CONFIG)
        message = daemon.status("vermagic").message
        assert message.startswith("bad-format: its file is damaged or was built for another kernel")

    play(tmp_path, scenario, [module("vermagic")])


def test_what_was_ignored_is_kept_shown_and_not_tried_again_until_it_is_loaded_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.declare(with_parameters("ignored", phantom="1"))
        await daemon.look(CONFIG)
        assert [row.outcome for row in daemon.finishes[0]] == ["done"], "it is loaded, and not as declared"
        assert daemon.status("ignored").failure_count == 0
        loads = MemoryStore(tmp_path / "loads.json").memory.loads
        assert loads[ModuleName("ignored")].ignored == (Parameter("phantom", "1"),)
        begun = len(daemon.loader.begun())
        await daemon.look(MODULES)
        await daemon.look(FULL)
        assert len(daemon.loader.begun()) == begun
        assert daemon.status("ignored").condition is Condition.FAILED
        daemon.kernel.remove("ignored")
        await daemon.look(MODULES)
        await daemon.until(lambda: len(daemon.loader.begun()) > begun)
        assert daemon.status("ignored").condition is Condition.FAILED
        tell(daemon)

    play(tmp_path, scenario, FAULTS)
    assert ("bad-parameter", "") in codes(caplog)["ignored"]


@pytest.mark.parametrize(
    ("error", "retry"), [(errno.ENOKEY, Retry.CHANGE), (517, Retry.BACKOFF), (errno.EACCES, Retry.BACKOFF)]
)
def test_an_unknown_errno_is_tried_again_ever_more_slowly(tmp_path: Path, error: int, retry: Retry) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.faults[A] = [Fault(error=error)]
        daemon.declare(declare("a"))
        await daemon.look(CONFIG)
        attempt = daemon.store.attempt(A)
        assert attempt is not None
        assert attempt.retry is retry
        if retry is Retry.BACKOFF:
            await daemon.until(lambda: len(daemon.loader.begun()) >= 12, 10_000.0)
            await daemon.second()
            before = len(daemon.loader.begun())
            for _ in range(60):
                await daemon.second()
            assert len(daemon.loader.begun()) - before <= 1

    play(tmp_path, scenario, [module("a")])
