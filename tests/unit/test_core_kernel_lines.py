"""Lines of the kernel's log are hostile text: what they may change, and what never."""

import errno

from hypothesis import given
from hypothesis import strategies as st

from kmodd.core.diagnose import Known
from kmodd.core.load_failure import load_failure
from kmodd.core.memory import Retry
from kmodd.model import Security
from kmodd.names import ModuleName, printable
from kmodd.shown import Condition, FailureCode
from tests.support.causes import CARD, FILE, HARDWARE_LINE, RELEASE, UNREADABLE, UNSIGNED_LINE

FAILED = Condition.FAILED


def test_what_a_module_says_in_the_name_of_another_is_no_evidence() -> None:
    """All lines of kmodd_noisy of tests/modules, heard while its victim fails; and while it fails itself."""
    noisy, victim = ModuleName("kmodd_noisy"), ModuleName("kmodd_fail")
    lies = (
        f"{victim}: Unknown symbol spoofed (err -2)",
        f"{victim}: version magic 'spoofed' should be 'spoofed'",
        f"Lockdown: {victim}: unsigned module loading is restricted; see man kernel_lockdown.7",
        f"{noisy}: line 1",
        rf"{noisy}: first\n<0>{victim}: second",
    )
    needed = frozenset(("module_layout", "printk"))
    for error in (errno.EPERM, errno.ENOENT, errno.ENOEXEC, errno.EINVAL):
        for name in (noisy, victim):
            known = Known(name, file=FILE._replace(name=name), symbols=needed)
            assert load_failure(error, lies, known) == load_failure(error, ("it has begun",), known)


def test_dash_and_underscore_are_one_letter_in_a_line() -> None:
    known = Known(ModuleName("a_b"))
    assert load_failure(errno.ENOENT, ("a-b: Unknown symbol x (err -2)",), known).code == "unknown-symbol"


def test_of_very_many_symbols_some_are_named() -> None:
    lines = [f"card: Unknown symbol s{number} (err -2)" for number in range(100)]
    assert "exports s0, s1, s2, s3, s4, which" in load_failure(errno.ENOENT, lines, Known(CARD)).message


_WORDS = st.sampled_from(
    (
        *(
            "card",
            "deck",
            ": ",
            " ",
            "`",
            "'",
            '"',
            "=",
            "--",
            "level",
            "\\x00",
            "Unknown symbol",
            "(err -2)",
        ),
        *("`5' invalid for parameter `level'", "version magic 'a' should be 'b'", "Direct firmware load for"),
        *(
            "gave up waiting for init of module deck.",
            "disagrees about version of symbol x",
            "failed with error",
        ),
        *(UNSIGNED_LINE, HARDWARE_LINE, "Module card is blacklisted", "unknown parameter 'level' ignored"),
    )
)
_LINES = st.lists(
    st.one_of(
        st.lists(_WORDS, max_size=6).map("".join),
        st.binary(max_size=60).map(lambda raw: printable(raw.decode("utf-8", "replace"))),
    ),
    max_size=6,
)
_KNOWN = st.builds(
    Known,
    st.just(CARD),
    st.one_of(st.just(""), st.text(max_size=30), st.lists(_WORDS, max_size=6).map(" ".join)),
    st.just(RELEASE),
    st.builds(Security, st.sampled_from(("", "none", "integrity")), st.booleans(), st.booleans()),
    st.one_of(st.none(), st.just(FILE), st.just(UNREADABLE)),
    st.one_of(st.none(), st.just(frozenset(("x",)))),
)


@given(st.integers(1, 4095), _LINES, _KNOWN)
def test_no_line_breaks_it_or_makes_a_permanent_failure_one_that_is_tried_again(
    error: int, lines: list[str], known: Known
) -> None:
    found, plain = load_failure(error, lines, known), load_failure(error)
    assert found.message
    assert found.code in list(FailureCode)
    if plain.retry is Retry.CHANGE:
        assert (found.condition, found.retry) == (FAILED, Retry.CHANGE)
    assert found.retry in (plain.retry, Retry.CHANGE)
