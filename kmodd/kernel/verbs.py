"""What the loader can be asked for: the verbs of requests (kernel/wire.py)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


LOAD: Final = b"load"
UNLOAD: Final = b"unload"
WRITE: Final = b"write"
LOOKUP: Final = b"lookup"
PARAMETERS: Final = b"parameters"
RESTRAINT: Final = b"restraint"
USERS: Final = b"users"
SYMBOLS: Final = b"symbols"
DIGESTS: Final = b"digests"
SPARE: Final = b"spare"
"""Keep a child that can make a change at once; there is no answer."""
