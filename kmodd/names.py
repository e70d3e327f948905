"""Canonical module names. ``-`` and ``_`` are one letter to the kernel and to libkmod; here it is ``_``."""

import re
from typing import Final, NewType

from kmodd.errors import ErrorKind, KmoddError

ModuleName = NewType("ModuleName", str)

LOADER: Final = "kmodd-loader"
"""Name of the loader's processes (prctl(2), PR_SET_NAME), and so in lockdown's lines in the kernel's log."""

# MODULE_NAME_LEN is 64 - sizeof(unsigned long) with its NUL (include/linux/moduleparam.h).
MAX_LENGTH = 55
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,54}")
_PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def module_name(text: str) -> ModuleName:
    """Canonical form of a module's name; raises INVALID_ARGUMENT for what cannot be one."""
    if not _NAME.fullmatch(text):
        raise KmoddError(
            ErrorKind.INVALID_ARGUMENT,
            f"{printable(text[:80])!r} is not a module name",
            f"a name has 1 to {MAX_LENGTH} letters, digits, '_' or '-' and does not begin with '-'",
        )
    return ModuleName(text.replace("-", "_"))


def is_module_name(text: str) -> bool:
    """Whether ``text`` can name a module, in whichever spelling."""
    return _NAME.fullmatch(text) is not None


def is_parameter_name(text: str) -> bool:
    """Whether ``text`` can name a module parameter (it becomes a file name under /sys/module)."""
    return _PARAMETER.fullmatch(text) is not None and text not in (".", "..")


def printable(text: str) -> str:
    """``text`` with control and undecodable characters escaped, for logs, terminals and the bus."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
