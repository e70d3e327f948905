"""The environment as os has it, without os: what a short command calls is the same in posix, which os copies.

To import os is a fifth of ``kmoddctl status``, and half of that are abstract base classes.
"""

from __future__ import annotations

import posix
import sys


def environment() -> dict[str, str]:
    """Every variable; bytes that are no text are escaped as os.fsdecode() has it."""
    encoding = sys.getfilesystemencoding()
    return {
        name.decode(encoding, "surrogateescape"): value.decode(encoding, "surrogateescape")
        for name, value in posix.environ.items()
    }
