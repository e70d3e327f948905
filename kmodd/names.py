"""Canonical module names. ``-`` and ``_`` are one letter to the kernel and to libkmod; here it is ``_``."""

from __future__ import annotations

from kmodd.errors import ErrorKind, KmoddError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, NewType

    ModuleName = NewType("ModuleName", str)
else:
    ModuleName = str

LOADER: Final = "kmodd-loader"
"""Name of the loader's processes (prctl(2), PR_SET_NAME), and so in lockdown's lines in the kernel's log."""

# MODULE_NAME_LEN is 64 - sizeof(unsigned long) with its NUL (include/linux/moduleparam.h).
MAX_LENGTH = 55
_MAX_PARAMETER = 128


def module_name(text: str) -> ModuleName:
    """Canonical form of a module's name; raises INVALID_ARGUMENT for what cannot be one."""
    if not is_module_name(text):
        raise KmoddError(
            ErrorKind.INVALID_ARGUMENT,
            f"{printable(text[:80])!r} is not a module name",
            f"a name has 1 to {MAX_LENGTH} letters, digits, '_' or '-' and does not begin with '-'",
        )
    return ModuleName(text.replace("-", "_"))


def is_module_name(text: str) -> bool:
    """Whether ``text`` can name a module, in whichever spelling."""
    return 0 < len(text) <= MAX_LENGTH and text[0] != "-" and is_ascii_word(text.replace("-", "_"))


def is_parameter_name(text: str) -> bool:
    """Whether ``text`` can name a module parameter (it becomes a file name under /sys/module)."""
    if len(text) > _MAX_PARAMETER or text in (".", ".."):
        return False
    return is_ascii_word(text.replace("-", "_").replace(".", "_"))


def is_ascii_word(text: str) -> bool:
    """Whether it is of ASCII's letters and digits and ``_`` and not empty; no pattern: ``re`` takes 2 ms."""
    return text.isascii() and text.replace("_", "a").isalnum()


def printable(text: str) -> str:
    """``text`` with control and undecodable characters escaped, for logs, terminals and the bus."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
