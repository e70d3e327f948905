"""What the kernel's own parameter types take (kernel/params.c): told before a load is refused."""

import re
from collections.abc import Mapping
from typing import Final

from kmodd.core.parameters import boolean

EVERYWHERE: Final = frozenset(("dyndbg", "async_probe"))
"""Parameters that the kernel takes for each module, whatever it declares (kernel/module/main.c)."""

_ARRAY = "array of "
# kstrtoull() and _kstrtol() with base 0 (lib/kstrtox.c).
_NUMBER = re.compile(r"[+-]?(?:(0[xX][0-9a-fA-F]+)|0([0-7]+)|(0|[1-9][0-9]*))")
# "long" is taken for 64 bits, its width where there is doubt: better no warning than a wrong one.
_RANGES: Mapping[str, tuple[int, int]] = {
    "byte": (0, 2**8 - 1),
    "short": (-(2**15), 2**15 - 1),
    "ushort": (0, 2**16 - 1),
    "int": (-(2**31), 2**31 - 1),
    "uint": (0, 2**32 - 1),
    "hexint": (0, 2**32 - 1),
    "long": (-(2**63), 2**63 - 1),
    "ulong": (0, 2**64 - 1),
    "ullong": (0, 2**64 - 1),
}
_MOST_DIGITS = 20  # of a decimal number with 64 bits; Python itself refuses to read some thousands
_BOOLEANS = frozenset(("bool", "invbool", "bint"))
_LONGEST_BYTES = 1024  # param_set_charp()


def wanted_instead(kind: str, value: str) -> str:
    """What to give where the kernel refuses ``value``; "" where it takes it, or ``kind`` is not its own."""
    if not kind.startswith(_ARRAY):
        wanted = _wanted(kind, value)
        return f"give {wanted}" if wanted else ""
    kind = kind.removeprefix(_ARRAY)
    wanted = next(filter(None, (_wanted(kind, element) for element in value.split(","))), "")
    return f"give a list, each element {wanted}" if wanted else ""


def _wanted(kind: str, value: str) -> str:
    if kind in _BOOLEANS and boolean(value) is None:
        return "true or false"
    if kind == "charp" and len(value.encode()) > _LONGEST_BYTES:
        return f"a text of at most {_LONGEST_BYTES} bytes"
    if kind in _RANGES and not _is_integer(value, *_RANGES[kind]):
        low, high = _RANGES[kind]
        return f"an integer from {low} to {high}"
    return ""


def _is_integer(value: str, low: int, high: int) -> bool:
    match = _NUMBER.fullmatch(value)
    if not match or (value.startswith("-") and not low) or len(match[3] or "") > _MOST_DIGITS:
        return False
    number = int(match[1] or match[2] or match[3], 16 if match[1] else 8 if match[2] else 10)
    return low <= (-number if value.startswith("-") else number) <= high
