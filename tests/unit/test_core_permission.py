"""Loads that the kernel does not permit: one row for each rule that it can have been."""

import errno

import pytest

from kmodd.model import Security
from tests.support.causes import FILE, HARDWARE_LINE, UNSIGNED_LINE, row

LOCKED, NOT_LOCKED = Security(lockdown="integrity"), Security(lockdown="none")
CAUSES = {
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
}


@pytest.mark.shows("fault: EPERM")
@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_a_code_a_sentence_and_a_time_to_try_again(cause: str) -> None:
    CAUSES[cause].check()
