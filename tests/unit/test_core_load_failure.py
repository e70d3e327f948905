"""Why a load failed: one row for each cause, from errno, log lines of the attempt, and what was looked up."""

import errno

import pytest

from kmodd.core.load_failure import load_failure
from kmodd.core.memory import Retry
from kmodd.model import ModuleInfo
from kmodd.shown import Condition
from tests.support.causes import (
    CARD,
    FILE,
    MAGIC,
    RELEASE,
    UNREADABLE,
    Row,
    passing,
    row,
)

INSTALL = "install the modules of this kernel"
FAILED = Condition.FAILED
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
CAUSES = {
    # ---------------------------------------------------------------------------- hardware, firmware
    "no device": Row(
        errno.ENODEV,
        "init-error: the module found no device (ENODEV); it is tried again when a device for it appears",
        condition=Condition.WAITING_FOR_HARDWARE,
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
    # --------------------------------------------------------------------------------------- symbols
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
    # ------------------------------------------------------------------------------------------ file
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
    # ------------------------------------------------------------------------------------ init's own
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
    # -------------------------------------------------------------------------------- for the moment
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
    CAUSES[cause].check()


@pytest.mark.shows("fault: EINVAL")
@pytest.mark.parametrize("error", PERMANENT, ids=errno.errorcode.__getitem__)
def test_what_is_permanent_is_so_without_any_evidence(error: int) -> None:
    found = load_failure(error)
    assert (found.condition, found.retry) == (FAILED, Retry.CHANGE)
    assert errno.errorcode[error] in found.message
