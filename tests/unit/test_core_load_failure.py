"""Why a load failed: one row for each cause, from errno, log lines of the attempt, and what was looked up."""

import errno
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.core.diagnose import Known, Retry
from kmodd.core.load_failure import EXAMINED, load_failure
from kmodd.model import ModuleInfo, Security
from kmodd.names import ModuleName, printable
from kmodd.shown import EMPTY, Condition, FailureCode

CARD = ModuleName("card")
RELEASE = "6.12.0-test"
MAGIC = f"{RELEASE} SMP preempt"
FILE = ModuleInfo(CARD, path="/lib/card.ko", has_modinfo=True, vermagic=MAGIC, signer="Debian")
UNREADABLE = FILE._replace(has_modinfo=False, vermagic="", signer="")
UNSIGNED_LINE = "Lockdown: kmodd-loader: unsigned module loading is restricted; see man kernel_lockdown.7"
HARDWARE_LINE = "Lockdown: kmodd-loader: unsafe module parameters is restricted; see man kernel_lockdown.7"
INSTALL = "install the modules of this kernel"
LOCKED, NOT_LOCKED = Security(lockdown="integrity"), Security(lockdown="none")
WAITING, FAILED, BACKING = Condition.WAITING_FOR_HARDWARE, Condition.FAILED, Condition.BACKING_OFF
PERMANENT = (
    errno.EBADMSG,
    errno.EFBIG,
    errno.EINVAL,
    errno.EKEYREJECTED,
    errno.ENOENT,
    errno.ENOEXEC,
    errno.ENOSPC,
    errno.EPERM,
    errno.ERANGE,
)


class Row(NamedTuple):
    """A cause: what is known of it, and what is to be said."""

    error: int
    message: str
    lines: tuple[str, ...] = ()
    known: Mapping[str, Any] = EMPTY
    condition: Condition = FAILED
    retry: Retry = Retry.CHANGE


def passing(error: int, message: str, *lines: str, **known: Any) -> Row:
    return Row(error, message, lines, known, BACKING, Retry.BACKOFF)


def row(error: int, message: str, *lines: str, **known: Any) -> Row:
    return Row(error, message, lines, known)


NOT_VALID = "correct it, `modinfo -p` describes it"
CAUSES = {
    # ------------------------------------------------------------------------------- hardware, firmware
    "no device": Row(
        errno.ENODEV,
        "init-error: the module found no device (ENODEV); it is tried again when a device for it appears",
        condition=WAITING,
        retry=Retry.EVENT,
    ),
    "no firmware": row(
        errno.ENOENT,
        "init-error: firmware is missing: kmodd/absent.bin (ENOENT); install what brings it to /lib/firmware",
        "platform card: Direct firmware load for kmodd/absent.bin failed with error -2",
        file=FILE,
    ),
    "no firmware, beside another driver's": row(
        errno.ENOENT,
        "init-error: firmware is missing: card.bin (ENOENT); install what brings it to /lib/firmware",
        "i915 0000:00:02.0: Direct firmware load for i915/x.bin failed with error -2",
        "card 0000:00:03.0: Direct firmware load for card.bin failed with error -2",
    ),
    "no firmware, as EIO": passing(
        errno.EIO,
        "init-error: its init function failed with EIO, and firmware is missing: card.bin; "
        "install what brings it to /lib/firmware",
        "card 0000:00:03.0: Direct firmware load for card.bin failed with error -2",
    ),
    # ----------------------------------------------------------------------------------------- symbols
    "unknown symbols": row(
        errno.ENOENT,
        f"unknown-symbol: nothing in this kernel exports one, two, which it needs (ENOENT); {INSTALL}, or "
        "the module that exports it and run depmod",
        "card: Unknown symbol one (err -2)",
        "card: Unknown symbol two (err -2)",
        "card: Unknown symbol one (err -2)",
    ),
    "an unknown symbol that its file has": row(
        errno.ENOENT,
        f"unknown-symbol: nothing in this kernel exports two, which it needs (ENOENT); {INSTALL}, or the "
        "module that exports it and run depmod",
        "card: Unknown symbol spoofed (err -2)",
        "card: Unknown symbol two (err -2)",
        symbols=frozenset(("two", "module_layout")),
    ),
    "a checksum, found early": row(
        errno.ENOEXEC,
        "bad-format: it was built against another kernel: module_layout has another checksum there "
        f"(ENOEXEC); {INSTALL}",
        "card: disagrees about version of symbol module_layout",
        file=FILE,
    ),
    "a checksum, found late": row(
        errno.EINVAL,
        "bad-format: it was built against another kernel: printk has another checksum there (EINVAL); "
        f"{INSTALL}",
        "card: disagrees about version of symbol printk",
        "card: Unknown symbol printk (err -22)",
        options="level=3",
    ),
    "a namespace": row(
        errno.EINVAL,
        "bad-format: it uses dma_buf_get without importing its namespace DMA_BUF (EINVAL); it has to be "
        "built anew",
        "card: module uses symbol (dma_buf_get) from namespace DMA_BUF, but does not import it.",
        "card: Unknown symbol dma_buf_get (err -22)",
    ),
    "a namespace, as older kernels have it": row(
        errno.EINVAL,
        "bad-format: it uses dma_buf_get without importing its namespace DMA_BUF (EINVAL); it has to be "
        "built anew",
        "card: module uses symbol dma_buf_get from namespace DMA_BUF, but does not import it.",
    ),
    "a symbol twice": row(
        errno.ENOEXEC,
        "bad-format: it exports shuffle, and so does deck (ENOEXEC); only one of them can be loaded",
        "card: exports duplicate symbol shuffle (owned by deck)",
    ),
    # -------------------------------------------------------------------------------------------- file
    "built for another kernel": row(
        errno.ENOEXEC,
        f"bad-format: it was built for '6.1.0-other SMP' and this kernel is {MAGIC!r} (ENOEXEC); {INSTALL}",
        f"card: version magic '6.1.0-other SMP ' should be '{MAGIC} '",
        file=FILE._replace(vermagic="6.1.0-other SMP"),
    ),
    "built for another kernel, and no line says so": row(
        errno.ENOEXEC,
        f"bad-format: it was built for 6.1.0-other and this kernel is {RELEASE} (ENOEXEC); {INSTALL}",
        file=FILE._replace(vermagic="6.1.0-other SMP"),
    ),
    "a magic that its file does not have": row(
        errno.ENOEXEC,
        f"bad-format: its file is damaged, or its init function failed with ENOEXEC; {INSTALL}",
        "card: version magic 'spoofed' should be 'spoofed'",
        file=FILE,
    ),
    "no ELF at all": row(
        errno.ENOEXEC,
        "bad-format: its file is damaged or no module (ENOEXEC); install it again",
        r"Invalid ELF header magic: != \x7fELF",
        file=UNREADABLE,
    ),
    "damaged, and nobody has looked": row(
        errno.ENOEXEC,
        f"bad-format: its file is damaged or was built for another kernel (ENOEXEC); {INSTALL}",
    ),
    "an empty file": row(
        errno.EINVAL,
        "bad-format: its file is empty or damaged (EINVAL); install it again",
        file=UNREADABLE,
        options="level=3",
    ),
    "a file that has gone": row(
        errno.ENOENT,
        "bad-format: its file is not there any more, or cannot be read (ENOENT); install it again",
        file=ModuleInfo(CARD),
    ),
    "a file that cannot be read": passing(
        errno.EIO, "bad-format: its file cannot be read (EIO); install it again", file=UNREADABLE
    ),
    "a compression that nobody reads": passing(
        errno.EOPNOTSUPP,
        "bad-format: its file cannot be read (EOPNOTSUPP); install it again",
        file=UNREADABLE,
    ),
    "too big": row(errno.EFBIG, "bad-format: its file is too big for a module (EFBIG); install it again"),
    # ------------------------------------------------------------------------------------- permissions
    "modules disabled": row(
        errno.EPERM,
        "modules-disabled: modules can neither be loaded nor unloaded until the next boot (EPERM): "
        "kernel.modules_disabled is 1; find out which file in sysctl.d sets it, and reboot",
        UNSIGNED_LINE,
        security=Security("integrity", modules_disabled=True),
    ),
    "lockdown": row(
        errno.EPERM,
        "lockdown: the kernel is locked down and its signature is missing or not trusted (EPERM); sign it "
        "with a key that the kernel knows, see kernel_lockdown(7)",
        "usb 1-1: new device",
        UNSIGNED_LINE,
        security=LOCKED,
    ),
    "lockdown, and its state cannot be read": row(
        errno.EPERM,
        "lockdown: the kernel is locked down and its signature is missing or not trusted (EPERM); sign it "
        "with a key that the kernel knows, see kernel_lockdown(7)",
        UNSIGNED_LINE,
    ),
    "lockdown, and its log cannot be read": row(
        errno.EPERM,
        "lockdown: the kernel is locked down and its signature is missing or not trusted (EPERM); sign it "
        "with a key that the kernel knows, see kernel_lockdown(7)",
        security=LOCKED,
    ),
    "module_blacklist=": row(
        errno.EPERM,
        "modules-disabled: module_blacklist= on the kernel command line forbids it (EPERM); take it out "
        "there and reboot",
        "Module card is blacklisted",
        security=NOT_LOCKED,
    ),
    "none of these, and lockdown speaks of another process": row(
        errno.EPERM,
        "init-error: it was not permitted (EPERM), and not for modules_disabled, lockdown or "
        "module_blacklist=: its init function refused, or a security module such as LoadPin, or "
        "kmodd.service lacks CAP_SYS_MODULE; see the kernel's messages",
        "Lockdown: card: unsigned module loading is restricted; see man kernel_lockdown.7",
        "Module deck is blacklisted",
        "card: Module card is blacklisted",
        security=LOCKED,
    ),
    "none of these, and lockdown is a lie": row(
        errno.EPERM,
        "init-error: it was not permitted (EPERM), and not for modules_disabled, lockdown or "
        "module_blacklist=: its init function refused, or a security module such as LoadPin, or "
        "kmodd.service lacks CAP_SYS_MODULE; see the kernel's messages",
        UNSIGNED_LINE,
        security=NOT_LOCKED,
    ),
    "a parameter under lockdown": row(
        errno.EPERM,
        "lockdown: the kernel is locked down and does not let the parameter io be set (EPERM); leave it out",
        HARDWARE_LINE,
        "card: `0x300' invalid for parameter `io'",
        options="io=0x300",
    ),
    "not signed": row(
        errno.EKEYREJECTED,
        "bad-signature: it is not signed, and this kernel takes signed modules only (EKEYREJECTED); sign it "
        "with a key that the kernel knows",
        file=FILE._replace(signer=""),
        security=Security(signatures_enforced=True),
    ),
    "not signed, by the log alone": row(
        errno.EKEYREJECTED,
        "bad-signature: it is not signed, and this kernel takes signed modules only (EKEYREJECTED); sign it "
        "with a key that the kernel knows",
        "Loading of unsigned module is rejected",
    ),
    "EKEYREJECTED of init": row(
        errno.EKEYREJECTED,
        "init-error: its init function failed with EKEYREJECTED; see the kernel's messages",
        file=FILE._replace(signer=""),
    ),
    "somebody else's signature": row(
        errno.EKEYREJECTED,
        "bad-signature: its signature of Debian does not belong to this file (EKEYREJECTED); install it "
        "again, or sign it anew",
        file=FILE,
    ),
    "a signature where they are enforced": row(
        errno.EKEYREJECTED,
        "bad-signature: its signature of Debian is missing, wrong or not trusted (EKEYREJECTED); sign it "
        "with a key that the kernel knows",
        "Loading of module with unavailable key is rejected",
        file=FILE,
        security=Security(signatures_enforced=True),
    ),
    "a signature, and two are rejected at once": row(
        errno.EKEYREJECTED,
        "bad-signature: its signature is missing, wrong or not trusted (EKEYREJECTED); sign it with a key "
        "that the kernel knows",
        "Loading of module with unavailable key is rejected",
        "Loading of unsigned module is rejected",
    ),
    "a key that is not there, before 5.4": row(
        errno.ENOKEY,
        "bad-signature: its signature is missing, wrong or not trusted (ENOKEY); sign it with a key that the "
        "kernel knows",
    ),
    "half a signature": row(
        errno.EBADMSG,
        "bad-signature: its signature is damaged (EBADMSG); install it again, or sign it anew",
    ),
    # -------------------------------------------------------------------------------------- parameters
    "not valid": row(
        errno.EINVAL,
        f"bad-parameter: parameter level (int) does not take 'fast', that is not valid (EINVAL); {NOT_VALID}",
        "card: `fast' invalid for parameter `level'",
        options="level=fast other=1",
        file=FILE._replace(parameter_types=(("level", "int"),)),
    ),
    "out of range, in another spelling": row(
        errno.ERANGE,
        "bad-parameter: parameter max-loop does not take '99999999999', that is out of range (ERANGE); "
        f"{NOT_VALID}",
        "card: `99999999999' invalid for parameter `max-loop'",
        options="max-loop=99999999999",
    ),
    "quoted, with quotes inside": row(
        errno.EINVAL,
        f"bad-parameter: parameter level does not take \"a 'b' c\", that is not valid (EINVAL); {NOT_VALID}",
        "card: `a 'b' c' invalid for parameter `level'",
        options="level=\"a 'b' c\"",
    ),
    "too long for a line": row(
        errno.ENOSPC,
        f"bad-parameter: parameter text does not take '{'x' * 60}...', that is too long (ENOSPC); "
        f"{NOT_VALID}",
        "card: `" + "x" * 300,
        options=f"level=x text={'x' * 1025}",
    ),
    "too long for any line": row(
        errno.ENOSPC,
        f"bad-parameter: parameter text does not take '{'x' * 60}...', that is too long (ENOSPC); "
        f"{NOT_VALID}",
        "deck: string parameter too long",
        "text: string parameter too long",
        options=f"level=x text={'x' * 1025}",
    ),
    "longer than its room": row(
        errno.ENOSPC,
        f"bad-parameter: parameter text does not take 'abcdefgh', that is too long (ENOSPC); {NOT_VALID}",
        "text: string doesn't fit in 7 chars.",
        options="text=abcdefgh",
    ),
    "a setter with an errno of its own": row(
        errno.EIO,
        f"bad-parameter: parameter level does not take '5', the module refused it (EIO); {NOT_VALID}",
        "card: `5' invalid for parameter `level'",
        options="level=5",
    ),
    "a setter's ENOENT": row(
        errno.ENOENT,
        "bad-parameter: parameter level does not take '5', it has no file, or the module refused it "
        f"(ENOENT); {NOT_VALID}",
        "card: Unknown parameter `level'",
        options="level=5",
    ),
    "a setter that is busy": passing(
        errno.EBUSY,
        "bad-parameter: its parameter level takes no value now (EBUSY)",
        "card: `5' invalid for parameter `level'",
        options="level=5",
    ),
    "a setter without memory": passing(
        errno.ENOMEM,
        "no-memory: the kernel had no memory for it (ENOMEM)",
        "card: `5' invalid for parameter `level'",
        options="level=5",
    ),
    "a value that init does not like": row(
        errno.EINVAL,
        "bad-parameter: its init function failed with EINVAL, most likely for the value of a parameter "
        "(level, other); compare with `modinfo -p`",
        "card: I do not like that",
        options="level=7 other=1",
        file=FILE,
    ),
    "a refused parameter that nobody has given": row(
        errno.EINVAL,
        "init-error: its init function failed with EINVAL; see the kernel's messages",
        "card: `5' invalid for parameter `level'",
    ),
    # -------------------------------------------------------------------------------------- init's own
    "ENOENT of init": row(
        errno.ENOENT,
        "init-error: its init function did not find something that it needs (ENOENT), and the kernel's log "
        "names neither a symbol nor firmware; see the kernel's messages",
        "card: nothing here",
        "deck: Unknown symbol one (err -2)",
        "deck: card: Unknown symbol one (err -2)",
        "card: Unknown symbol one (err -2) or so",
        file=FILE,
    ),
    "EINVAL of init": row(
        errno.EINVAL, "init-error: its init function failed with EINVAL; see the kernel's messages"
    ),
    "ERANGE of init": row(
        errno.ERANGE, "init-error: its init function failed with ERANGE; see the kernel's messages"
    ),
    "ENOSPC of init": row(
        errno.ENOSPC, "init-error: its init function failed with ENOSPC; see the kernel's messages"
    ),
    "EIO of init": passing(
        errno.EIO, "init-error: its init function failed with EIO; see the kernel's messages", file=FILE
    ),
    "ENOTSUPP of init": passing(
        524, "init-error: its init function failed with ENOTSUPP; see the kernel's messages"
    ),
    "EPROBE_DEFER of init": passing(
        517, "init-error: its init function failed with EPROBE_DEFER; see the kernel's messages"
    ),
    "an errno without a name": passing(
        3000, "init-error: its init function failed with errno 3000; see the kernel's messages"
    ),
    # ------------------------------------------------------------------------------------ for the moment
    "no memory": passing(errno.ENOMEM, "no-memory: the kernel had no memory for it (ENOMEM)"),
    "busy": passing(
        errno.EBUSY,
        "init-error: a module of this name, or something that it needs, is coming or going or in use (EBUSY)",
    ),
    "a dependency that does not end": passing(
        errno.EBUSY,
        "init-error: it needs deck, whose init function did not end within half a minute (EBUSY)",
        "card: gave up waiting for init of module deck.",
        "card: Unknown symbol shuffle (err -16)",
    ),
    "again": passing(errno.EAGAIN, "init-error: the kernel asks to try again (EAGAIN)"),
    "interrupted": passing(errno.EINTR, "init-error: loading was interrupted (EINTR)"),
    "there already": passing(
        errno.EEXIST,
        "init-error: a module of this name was just coming or going, or what its init function registers is "
        "there already, from another driver (EEXIST)",
    ),
    "being written": passing(errno.ETXTBSY, "init-error: somebody is writing its file (ETXTBSY)"),
    "many files": passing(errno.EMFILE, "init-error: too many files are open (EMFILE)"),
    "many files on the machine": passing(
        errno.ENFILE, "init-error: too many files are open on this machine (ENFILE)"
    ),
    "forbidden by a policy": passing(
        errno.EACCES,
        "init-error: a security module such as SELinux or IMA, or its init function, forbids it (EACCES)",
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_a_code_a_sentence_and_a_time_to_try_again(cause: str) -> None:
    row = CAUSES[cause]
    found = load_failure(row.error, row.lines, Known(CARD, release=RELEASE)._replace(**row.known))
    assert found.message == row.message
    assert (found.condition, found.retry) == (row.condition, row.retry)
    assert found.code in list(FailureCode)


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


@pytest.mark.parametrize("error", PERMANENT, ids=errno.errorcode.__getitem__)
def test_what_is_permanent_is_so_without_any_evidence(error: int) -> None:
    found = load_failure(error)
    assert (found.condition, found.retry) == (FAILED, Retry.CHANGE)
    assert errno.errorcode[error] in found.message


def test_a_file_is_looked_at_where_that_can_tell_more() -> None:
    told = {row.error for row in CAUSES.values() if "file" in row.known} - {errno.EPERM}
    assert told <= EXAMINED
