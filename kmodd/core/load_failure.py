"""Why a load failed: an errno says little; the kernel's log and what can be looked up say more.

Sources: finit_module(2), kernel/module/main.c, kernel/module/version.c, kernel/module/decompress.c,
fs/kernel_read_file.c; what is not permitted is in core/permission.py. Where only the errno is left, the
sentence says what it can be. Lines of the log tell causes of one errno apart; none of them makes a permanent
failure one that is tried again.
"""

import errno
from collections.abc import Callable, Iterable
from typing import Final

from kmodd.core.diagnose import (
    HARDWARE_PARAMETERS,
    NOTHING_KNOWN,
    PASSING,
    Diagnosis,
    Known,
    busy,
    errno_name,
    failed,
    locked_parameter,
    not_taken,
)
from kmodd.core.kernel_lines import Lines, given
from kmodd.core.memory import Retry
from kmodd.core.parameters import same_name
from kmodd.core.permission import damaged_signature, not_permitted, not_trusted
from kmodd.model import Parameter
from kmodd.shown import Condition, FailureCode

EXAMINED: Final = frozenset(
    (
        errno.EINVAL,
        errno.EIO,
        errno.EKEYREJECTED,
        errno.ENOENT,
        errno.ENOEXEC,
        errno.ENOKEY,
        errno.ENOSPC,
        errno.ENOSYS,
        errno.EOPNOTSUPP,
        errno.ERANGE,
    )
)
"""Errnos for which the module's file is worth a look."""
_INSTALL: Final = "install the modules of this kernel"


def load_failure(error: int, messages: Iterable[str] = (), known: Known = NOTHING_KNOWN) -> Diagnosis:
    """Diagnosis of a load that left nothing in the kernel; ``messages``: what the kernel logged meanwhile."""
    lines = known.lines(messages)
    refused = lines.refused_parameter() or (lines.too_long_parameter() if error == errno.ENOSPC else None)
    if refused is not None:
        return _refused(error, refused, lines, known)
    if error in PASSING or error in _PASSING:
        return _passing(error, lines)
    found = _CAUSES.get(error, _unknown)(error, lines, known)
    return found or _init_failed(error, lines, known)


def _refused(error: int, parameter: Parameter, lines: Lines, known: Known) -> Diagnosis:
    """A parameter's setter said no, whatever the errno (kernel/params.c, parse_args)."""
    if error == errno.EPERM and lines.is_locked(HARDWARE_PARAMETERS):
        return locked_parameter(parameter.name)
    name = errno_name(error)
    if error == errno.ENOMEM:
        return _passing(error, lines)
    if error in PASSING:
        return busy(FailureCode.BAD_PARAMETER, f"its parameter {parameter.name} takes no value now ({name})")
    types = {same_name(key): kind for key, kind in known.file.parameter_types} if known.file else {}
    return not_taken(error, parameter, types.get(same_name(parameter.name), ""))


_PASSING: Final = {
    errno.EBUSY: "a module of this name, or something that it needs, is coming or going or in use (EBUSY)",
    errno.EAGAIN: "the kernel asks to try again (EAGAIN)",
    errno.EEXIST: (
        "a module of this name was just coming or going, or what its init function registers is there "
        "already, from another driver (EEXIST)"
    ),
    errno.EINTR: "loading was interrupted (EINTR)",
    errno.ETXTBSY: "somebody is writing its file (ETXTBSY)",
    errno.EMFILE: "too many files are open (EMFILE)",
    errno.ENFILE: "too many files are open on this machine (ENFILE)",
    errno.EACCES: "a security module such as SELinux or IMA, or its init function, forbids it (EACCES)",
}


def _passing(error: int, lines: Lines) -> Diagnosis:
    if error == errno.ENOMEM:
        return busy(FailureCode.NO_MEMORY, "the kernel had no memory for it (ENOMEM)")
    awaited = lines.gave_up_on() if error == errno.EBUSY else ""
    if awaited:
        sentence = f"it needs {awaited}, whose init function did not end within half a minute (EBUSY)"
        return busy(FailureCode.INIT_ERROR, sentence)
    return busy(FailureCode.INIT_ERROR, _PASSING[error])


def _no_device(_error: int, _lines: Lines, _known: Known) -> Diagnosis:
    return Diagnosis(
        Condition.WAITING_FOR_HARDWARE,
        FailureCode.INIT_ERROR,
        "the module found no device (ENODEV); it is tried again when a device for it appears",
        Retry.EVENT,
    )


def _not_found(_error: int, lines: Lines, known: Known) -> Diagnosis | None:
    """ENOENT: a symbol, the file itself, firmware."""
    missing = lines.missing_symbols()
    if missing:
        return failed(
            FailureCode.UNKNOWN_SYMBOL,
            f"nothing in this kernel exports {', '.join(missing)}, which it needs (ENOENT); {_INSTALL}, or "
            "the module that exports it and run depmod",
        )
    if _is_unreadable(known):
        sentence = "its file is not there any more, or cannot be read (ENOENT); install it again"
        return failed(FailureCode.BAD_FORMAT, sentence)
    firmware = lines.missing_firmware(any_device=True)
    if firmware:
        return failed(
            FailureCode.INIT_ERROR,
            f"firmware is missing: {', '.join(firmware)} (ENOENT); install what brings it to /lib/firmware",
        )
    return failed(
        FailureCode.INIT_ERROR,
        "its init function did not find something that it needs (ENOENT), and the kernel's log names neither "
        "a symbol nor firmware; see the kernel's messages",
    )


def _not_a_module(_error: int, lines: Lines, known: Known) -> Diagnosis:
    """ENOEXEC."""
    magic, file = lines.magic(), known.file
    vermagic = file.vermagic if file is not None else ""
    if magic is not None and vermagic in ("", magic.found):
        return _bad_format(
            f"it was built for {magic.found!r} and this kernel is {magic.wanted!r} (ENOEXEC); {_INSTALL}"
        )
    duplicate = lines.duplicate()
    if duplicate is not None:
        symbol, owner = duplicate
        sentence = f"it exports {symbol}, and so does {owner} (ENOEXEC); only one of them can be loaded"
        return _bad_format(sentence)
    return _built_otherwise("ENOEXEC", lines) or _by_its_file(vermagic.partition(" ")[0], known)


def _by_its_file(release: str, known: Known) -> Diagnosis:
    """ENOEXEC that no line explains; ``release``: what the file was built for, "" where that is not known."""
    if _is_unreadable(known):
        return _bad_format("its file is damaged or no module (ENOEXEC); install it again")
    if release and release == known.release:
        return _bad_format(f"its file is damaged, or its init function failed with ENOEXEC; {_INSTALL}")
    if release and known.release:
        return _bad_format(
            f"it was built for {release} and this kernel is {known.release} (ENOEXEC); {_INSTALL}"
        )
    return _bad_format(f"its file is damaged or was built for another kernel (ENOEXEC); {_INSTALL}")


def _built_otherwise(name: str, lines: Lines) -> Diagnosis | None:
    """Symbols that are there, and not as the file expects them (kernel/module/version.c)."""
    changed = lines.other_checksums()
    if changed:
        return _bad_format(
            f"it was built against another kernel: {', '.join(changed)} has another checksum there ({name}); "
            f"{_INSTALL}"
        )
    foreign = lines.foreign_namespace()
    if foreign is not None:
        symbol, namespace = foreign
        return _bad_format(
            f"it uses {symbol} without importing its namespace {namespace} ({name}); it has to be built anew"
        )
    return None


def _invalid(error: int, lines: Lines, known: Known) -> Diagnosis | None:
    """EINVAL: its symbols, its file, else its init function, which mostly means the parameters."""
    found = _built_otherwise("EINVAL", lines)
    if found is not None:
        return found
    if _is_unreadable(known):
        return _bad_format("its file is empty or damaged (EINVAL); install it again")
    return _values(error, lines, known)


def _values(error: int, _lines: Lines, known: Known) -> Diagnosis | None:
    """No parameter's setter refused: an inference from what the errno means to most init functions."""
    names = ", ".join(dict.fromkeys(p.name for p in given(known.options)))
    if not names:
        return None
    return failed(
        FailureCode.BAD_PARAMETER,
        f"its init function failed with {errno_name(error)}, most likely for the value of a parameter "
        f"({names}); compare with `modinfo -p`",
    )


def _too_big(_error: int, _lines: Lines, _known: Known) -> Diagnosis:
    return _bad_format("its file is too big for a module (EFBIG); install it again")


def _init_failed(error: int, lines: Lines, known: Known) -> Diagnosis:
    """An errno that is permanent for this file and these parameters, and nothing that says why."""
    found = _unknown(error, lines, known)
    return failed(found.code or FailureCode.INIT_ERROR, found.sentence)


def _unknown(error: int, lines: Lines, known: Known) -> Diagnosis:
    name = errno_name(error)
    if _is_unreadable(known):
        return busy(FailureCode.BAD_FORMAT, f"its file cannot be read ({name}); install it again")
    firmware = lines.missing_firmware(any_device=False)
    if firmware:
        missing = f"firmware is missing: {', '.join(firmware)}; install what brings it to /lib/firmware"
        return busy(FailureCode.INIT_ERROR, f"its init function failed with {name}, and {missing}")
    return busy(FailureCode.INIT_ERROR, f"its init function failed with {name}; see the kernel's messages")


def _is_unreadable(known: Known) -> bool:
    """Whether not even libkmod finds a module in its file."""
    return known.file is not None and not known.file.has_modinfo


def _bad_format(sentence: str) -> Diagnosis:
    return failed(FailureCode.BAD_FORMAT, sentence)


_CAUSES: Final[dict[int, Callable[[int, Lines, Known], Diagnosis | None]]] = {
    errno.ENODEV: _no_device,
    errno.ENOENT: _not_found,
    errno.ENOEXEC: _not_a_module,
    errno.EINVAL: _invalid,
    errno.ERANGE: _values,
    errno.ENOSPC: _values,
    errno.EPERM: not_permitted,
    errno.EKEYREJECTED: not_trusted,
    errno.ENOKEY: not_trusted,
    errno.EBADMSG: damaged_signature,
    errno.EFBIG: _too_big,
}
