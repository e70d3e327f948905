"""core/crash.py: what an intent means that an earlier boot has left open."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.action import ActionKind
from kmodd.core.crash import (
    LINES_KEPT,
    UNHEALTHY_BOOTS,
    Boot,
    Quarantine,
    accused,
    begun,
    examine,
    tells_of_crash,
    why,
)
from kmodd.intent import Intent
from kmodd.names import ModuleName

BAD = ModuleName("bad_module")
BEGAN_US = 1_000_000
INTENT = Intent(BAD, ActionKind.LOAD, "d1", "level=3", "6.12 #1", "boot-1", 77, 5, 10, BEGAN_US)
LIVED = Boot("boot-1", "key", healthy=True)
OOPS = (
    "<6>[   10.000000] usb 1-1: new device",
    "<1>[   12.300000] BUG: kernel NULL pointer dereference, address: 0000000000000000",
    "<4>[   12.300001] CPU: 1 UID: 0 PID: 300 Comm: kmodd-loader Tainted: G           OE",
    "",
    "<4>[   12.300002] Call Trace:",
    "<4>[   12.300003]  <TASK>",
    "<4>[   12.300004]  do_it+0x15/0xff0 [bad_module]",
    "<4>[   12.300005]  do_one_initcall+0x58/0x300",
    "<4>[   12.300006] Modules linked in: other(E) bad_module(OE+) third",
)
PANIC = (
    "<0>[   12.300000] Kernel panic - not syncing: bad_module: told to",
    "<4>[   12.300003]  init_module+0x15/0xff0 [bad-module 0123456789abcdef]",
)


def sort(
    intent: Intent, before: Boot = LIVED, logs: Mapping[int, Sequence[str]] | None = None
) -> tuple[str, tuple[str, ...]]:
    """Where one intent comes to, and the lines that a quarantine has."""
    found = examine([intent], before, "boot-2", logs or {})
    (kind,) = (name for name, those in found._asdict().items() if those)
    return kind, found.quarantines[0].lines if found.quarantines else ()


def test_of_this_boot_it_is_its_own() -> None:
    assert sort(INTENT._replace(boot_id="boot-2")) == ("own", ())


def test_of_one_process_the_last_is_its_own_and_what_the_kernel_killed() -> None:
    last = INTENT._replace(module=ModuleName("last"), since_us=12)
    other = INTENT._replace(module=ModuleName("other"), start_ticks=6)
    killed = INTENT._replace(module=ModuleName("killed"), since_us=11, crashed=True)
    found = examine([last, INTENT, other, killed], LIVED, INTENT.boot_id)
    assert (found.own, found.void) == ((last, other, killed), (INTENT,))
    # It may have gone down a moment later all the same.
    assert examine([last, INTENT], LIVED, "boot-2").suspects == (last, INTENT)


def test_without_a_log_it_is_tried_once_more() -> None:
    assert sort(INTENT) == ("suspects", ())


def test_the_second_time_was_the_last() -> None:
    assert sort(INTENT._replace(tries=2)) == ("quarantines", ())


def test_a_clean_end_clears_it_however_often_it_was_tried() -> None:
    clean = Boot("boot-1", "key", clean=True)
    assert sort(INTENT._replace(tries=2), clean) == ("void", ())


def test_a_clean_end_of_another_boot_clears_nobody() -> None:
    assert sort(INTENT, Boot("boot-0", "key", clean=True)) == ("suspects", ())


def test_a_clean_end_does_not_clear_whom_the_kernel_killed() -> None:
    clean = Boot("boot-1", "key", clean=True)
    assert sort(INTENT._replace(crashed=True), clean) == ("suspects", ())
    assert sort(INTENT._replace(crashed=True, tries=2), clean) == ("quarantines", ())


@pytest.mark.parametrize("log", [OOPS, PANIC])
def test_a_log_that_names_it_confirms_it_at_once(log: Sequence[str]) -> None:
    kind, lines = sort(INTENT, logs={BEGAN_US + 1: log})
    assert kind == "quarantines"
    assert lines[0].startswith(("BUG:", "Kernel panic"))
    assert not any(line.startswith("<") for line in lines if line != "<TASK>")
    assert any("bad" in line for line in lines)


def test_what_was_logged_before_the_crash_is_no_evidence() -> None:
    earlier = "<4>[    1.0]  probe+0x1/0x2 [bad_module]"
    log = [earlier, "<0>[    9.0] Kernel panic - not syncing: Attempted to kill init!"]
    assert sort(INTENT, logs={BEGAN_US + 1: log}) == ("suspects", ())


def test_a_crash_before_it_began_is_no_evidence() -> None:
    assert sort(INTENT, logs={BEGAN_US - 1: OOPS}) == ("suspects", ())


def test_of_several_logs_the_one_that_names_it_counts() -> None:
    other = ("Kernel panic - not syncing: VFS",)
    kind, lines = sort(INTENT, logs={BEGAN_US + 2: other, BEGAN_US + 1: OOPS})
    assert (kind, lines[0][:4]) == ("quarantines", "BUG:")


def test_a_long_log_is_kept_from_where_the_crash_begins() -> None:
    log = [*OOPS, *(f"<4>[   13.0] line {number}" for number in range(500))]
    _, lines = sort(INTENT, logs={BEGAN_US: log})
    assert len(lines) == LINES_KEPT
    assert lines[0].startswith("BUG:")


def test_a_log_without_a_known_beginning_counts_as_a_whole() -> None:
    log = ("watchdog: it hangs", " loop+0x1/0x2 [bad_module]")
    assert sort(INTENT, logs={BEGAN_US: log})[1] == ("watchdog: it hangs", "loop+0x1/0x2 [bad_module]")


@pytest.mark.parametrize(
    ("line", "names_it"),
    [
        ("Modules linked in: a b(OE) bad_module", False),
        ("Modules linked in: a bad_module(OE) c", False),
        ("Modules linked in: bad_module(+) c", True),
        ("Modules linked in: a bad-module(OE-)", True),
        ("note: bad_module(OE+) is only mentioned", False),
        ("bad_module: hello", False),
        ("RIP: 0010:init_module+0xa/0xff0 [bad_module]", True),
        ("RIP: 0010:init_module+0xa/0xff0 [bad_module_2]", False),
    ],
)
def test_who_is_named(line: str, names_it: bool) -> None:
    assert accused([line], BAD) is names_it


@pytest.mark.parametrize(
    "line",
    [
        "Kernel panic - not syncing: x",
        "BUG: unable to handle page fault",
        "Oops: 0002 [#1] PREEMPT SMP",
        "Unable to handle kernel NULL pointer dereference",
        "Internal error: Oops: 96000004",
        "kernel BUG at mm/slub.c:1!",
    ],
)
def test_what_a_crash_begins_with(line: str) -> None:
    assert tells_of_crash(["a line", line])
    assert not tells_of_crash(["a line", f"somebody says: {line}"])


@given(st.lists(st.text(max_size=200), max_size=20))
def test_any_text_is_a_log(log: list[str]) -> None:
    sort(INTENT, logs={BEGAN_US: log})


@pytest.mark.parametrize(
    ("kind", "confirmed", "sentence"),
    [
        (
            ActionKind.LOAD,
            True,
            "loading it crashed the kernel, whose log of that names it; it is not done again until "
            "its file, its parameters or the kernel are others, or until it is released",
        ),
        (
            ActionKind.UNLOAD,
            False,
            "the machine went down while kmodd was taking it out, and again when that was tried alone; "
            "it is not done again until the kernel is another, or until it is released",
        ),
        (
            ActionKind.WRITE,
            True,
            "setting these parameters crashed the kernel, whose log of that names it; it is not done again "
            "until other values are declared, the kernel is another, or until it is released",
        ),
    ],
)
def test_why_it_is_quarantined(kind: ActionKind, confirmed: bool, sentence: str) -> None:
    assert why(Quarantine(BAD, kind, "", "", "", 0, confirmed)) == sentence


def test_boots_that_fail_one_after_the_other_are_counted() -> None:
    boot = begun(Boot(), "boot-0", "key")
    for number in range(1, UNHEALTHY_BOOTS + 1):
        assert boot.unhealthy == number - 1
        boot = begun(boot, f"boot-{number}", "key")
    assert boot == Boot(f"boot-{UNHEALTHY_BOOTS}", "key", UNHEALTHY_BOOTS)
    # Nothing was done in this one, so that it went well proves nothing.
    assert begun(boot._replace(healthy=True), "next", "key").unhealthy == UNHEALTHY_BOOTS
    assert begun(boot, "next", "other key").unhealthy == 0


@pytest.mark.parametrize(
    "end", [Boot("boot-1", "key", 2, clean=True), Boot("boot-1", "key", 2, healthy=True)]
)
def test_a_good_boot_ends_the_count(end: Boot) -> None:
    assert begun(end, "boot-2", "key").unhealthy == 0


def test_without_a_key_nothing_is_counted() -> None:
    assert begun(Boot("boot-1", ""), "boot-2", "").unhealthy == 0
