"""Loads that the kernel does not permit: which of its rules it was, from what it says and what can be read.

Sources: kernel/module/main.c, kernel/module/signing.c, security/lockdown/lockdown.c, kernel_lockdown(7).
"""

import errno
from typing import Final

from kmodd.core.diagnose import DISABLED, Diagnosis, Known, errno_name, failed
from kmodd.core.kernel_lines import Lines
from kmodd.shown import FailureCode

FORBIDDEN: Final = frozenset((errno.EPERM, errno.EKEYREJECTED, errno.ENOKEY))
"""Errnos that come of what the kernel permits."""

_UNSIGNED: Final = "unsigned module loading"
_SIGN_IT: Final = "sign it with a key that the kernel knows"


def not_permitted(_error: int, lines: Lines, known: Known) -> Diagnosis:
    """EPERM, in the order in which the kernel asks; what is left is said where none of it was so."""
    if known.security.modules_disabled:
        return DISABLED
    if _is_locked(lines, known):
        return failed(
            FailureCode.LOCKDOWN,
            "the kernel is locked down and its signature is missing or not trusted (EPERM); "
            f"{_SIGN_IT}, see kernel_lockdown(7)",
        )
    if lines.is_blacklisted():
        return failed(
            FailureCode.MODULES_DISABLED,
            "module_blacklist= on the kernel command line forbids it (EPERM); take it out there and reboot",
        )
    return failed(
        FailureCode.INIT_ERROR,
        "it was not permitted (EPERM), and not for modules_disabled, lockdown or module_blacklist=: its init "
        "function refused, or a security module such as LoadPin, or kmodd.service lacks CAP_SYS_MODULE; see "
        "the kernel's messages",
    )


def _is_locked(lines: Lines, known: Known) -> bool:
    """By lockdown's own line; without any line it is inferred from the kernel's being locked down."""
    if known.security.lockdown == "none":
        return False
    return lines.is_locked(_UNSIGNED) or (known.is_locked and not lines.every)


def not_trusted(error: int, lines: Lines, known: Known) -> Diagnosis | None:
    """EKEYREJECTED; ENOKEY of kernels before 5.4. Where signatures are not enforced, only one that is there
    and fails is an error, so without any it is the init function's."""
    name, file = errno_name(error), known.file
    signer = f" of {file.signer}" if file is not None and file.signer else ""
    is_bare = file is not None and file.has_modinfo and not file.signer
    if lines.rejected() == "unsigned module" or (is_bare and known.security.signatures_enforced):
        return _bad_signature(
            f"it is not signed, and this kernel takes signed modules only ({name}); {_SIGN_IT}"
        )
    if is_bare:
        return None
    if file is not None and not known.security.signatures_enforced:
        return _bad_signature(
            f"its signature{signer} does not belong to this file ({name}); install it again, or sign it anew"
        )
    return _bad_signature(f"its signature{signer} is missing, wrong or not trusted ({name}); {_SIGN_IT}")


def damaged_signature(_error: int, _lines: Lines, _known: Known) -> Diagnosis:
    """EBADMSG."""
    return _bad_signature("its signature is damaged (EBADMSG); install it again, or sign it anew")


def _bad_signature(sentence: str) -> Diagnosis:
    return failed(FailureCode.BAD_SIGNATURE, sentence)
