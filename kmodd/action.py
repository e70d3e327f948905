"""What can be done to a module in the kernel.

Apart from ``kmodd.shown``, because the loader needs these words and no others.
Imported by the loader: nothing heavy in here.
"""

from enum import StrEnum


class ActionKind(StrEnum):
    """A change of the kernel that the loader can carry out."""

    LOAD = "load"
    UNLOAD = "unload"
    WRITE = "write"
