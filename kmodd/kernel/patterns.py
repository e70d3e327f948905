"""Patterns of aliases: whether one matches, and a string that it matches.

Imported by the loader: nothing heavy in here.
"""

import ctypes
import re
import string
from typing import Final

_PART = re.compile(r"\\(?P<plain>.)|\[(?P<not>[!^]?)(?P<members>[^\]]*)\]|(?P<any>[*?])", re.DOTALL)
_PART_PLAIN = re.compile(r"\\(?P<plain>.)|(?P<any>[*?])", re.DOTALL)
_RANGE = re.compile(r"(.)-(.)|(.)", re.DOTALL)
_CANDIDATES: Final = string.digits + string.ascii_letters + "_:,.+=/ "

_fnmatch = ctypes.CDLL(None).fnmatch
_fnmatch.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int)
_fnmatch.restype = ctypes.c_int


def matches(pattern: bytes, name: bytes) -> bool:
    """fnmatch(3) of the C library itself, as libkmod calls it; Python's has other rules for "\\" and "[^"."""
    return bool(_fnmatch(pattern, name, 0) == 0)


def concrete(pattern: str) -> str:
    """A short string that ``pattern`` matches: nothing for "*", "0" for "?", one letter for a range."""
    end = pattern.rfind("]") + 1
    # Behind the last "]" each "[" is plain; the search for its other half would go to the end every time.
    return _PART.sub(_letter, pattern[:end]) + _PART_PLAIN.sub(_letter, pattern[end:])


def _letter(part: re.Match[str]) -> str:
    if part["plain"] is not None:
        return part["plain"]
    if part["any"] is not None:
        return "" if part["any"] == "*" else "0"
    members = part["members"]
    return _outside(members) if part["not"] else members[:1]


def _outside(members: str) -> str:
    """A character that is not among ``members``; "" if there is none that could stand in an alias."""
    ranges = [(low or single, high or single) for low, high, single in _RANGE.findall(members)]
    taken = (c for c in _CANDIDATES if not any(low <= c <= high for low, high in ranges))
    return next(taken, "")
