"""Why a simulated kernel does not take a module: the errno and the line of its log, written from the kernel's
own sources (kernel/module/main.c, kernel/module/signing.c, security/lockdown/lockdown.c), not from kmodd's.
"""

import errno
from collections.abc import Mapping
from typing import NamedTuple

from kmodd.model import ModuleInfo, Security
from tests.support.kernel_parameters import KernelParameter, Refused, late_arguments, load_values

RELEASE = "6.12.0-simulated"
_MAGIC = "SMP preempt mod_unload modversions"
SAME_MAGIC, OTHER_MAGIC = f"{RELEASE} {_MAGIC}", f"6.1.0-other {_MAGIC}"
_LOADER = "kmodd-loader"


class File(NamedTuple):
    """What is wrong with a module's file: a word of ``_SPOILT``, no signature, a symbol that nobody has."""

    spoilt: str = ""
    signed: bool = True
    symbol: str = ""


WHOLE = File()

_UNREADABLE = ("empty", "garbage", "truncated")
_SPOILT = {
    "crc": (errno.ENOEXEC, "{name}: disagrees about version of symbol module_layout"),
    "cut-signature": (errno.EBADMSG, ""),
    "empty": (errno.EINVAL, ""),
    "foreign-signature": (errno.EKEYREJECTED, ""),
    "garbage": (errno.ENOEXEC, r"Invalid ELF header magic: != \x7fELF"),
    "truncated": (errno.ENOEXEC, "Invalid ELF section header overflow"),
    "vermagic": (errno.ENOEXEC, f"{{name}}: version magic '{OTHER_MAGIC} ' should be '{SAME_MAGIC} '"),
}


def refusal(name: str, file: File, security: Security, *, blacklisted: bool) -> tuple[int, str]:
    """errno and line, in the order in which load_module() looks; (0, "") where all is well."""
    if security.modules_disabled:
        return errno.EPERM, ""
    if not file.signed and security.signatures_enforced:
        return errno.EKEYREJECTED, "Loading of unsigned module is rejected"
    if not file.signed and security.lockdown in ("integrity", "confidentiality"):
        what = "unsigned module loading"
        return errno.EPERM, f"Lockdown: {_LOADER}: {what} is restricted; see man kernel_lockdown.7"
    if blacklisted:
        return errno.EPERM, f"Module {name} is blacklisted"
    error, line = _SPOILT.get(file.spoilt, (0, ""))
    if not error and file.symbol:
        return errno.ENOENT, f"{name}: Unknown symbol {file.symbol} (err -2)"
    return error, line.format(name=name)


def arguments(
    name: str, parameters: Mapping[str, KernelParameter], options: str
) -> tuple[dict[str, str], int, list[str]]:
    """parse_args(): values, errno, and what the log says of it."""
    try:
        values, ignored = load_values(parameters, options)
    except Refused as refused:
        return {}, refused.errno or errno.EINVAL, [f"{name}: {refused.line}"]
    lines = [f"{name}: unknown parameter '{word.partition('.')[0]}' ignored" for word in ignored]
    late = late_arguments(options)
    return values, 0, [*lines, *([f"{name}: parameters '{late}' after `--' ignored"] if late else ())]


def read(info: ModuleInfo, file: File, types: tuple[tuple[str, str], ...]) -> ModuleInfo:
    """``info`` with what libkmod reads from the file."""
    if file.spoilt in _UNREADABLE:
        return info
    vermagic = OTHER_MAGIC if file.spoilt == "vermagic" else SAME_MAGIC
    signer = "Somebody" if file.signed else ""
    return info._replace(has_modinfo=True, vermagic=vermagic, signer=signer, parameter_types=types)
