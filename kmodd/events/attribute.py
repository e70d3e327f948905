"""Reading one sysfs attribute of a device. What stands there comes from hardware: hostile, and unbounded."""

import os
import stat
from typing import Final

MOST_BYTES: Final = 4096
"""sysfs gives a text attribute one page (Documentation/filesystems/sysfs.rst)."""

_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_attribute(device: str, name: str, sys_root: str = "/sys") -> str | None:
    """Text of attribute ``name`` (may hold "/") of the device at sys path ``device``, last newline cut off.

    None for what is absent, unreadable, no regular file or not inside ``sys_root``: links are followed
    within it only.
    """
    try:
        path = os.path.realpath(os.path.join(device, name))
        if not path.startswith(os.path.join(os.path.realpath(sys_root), "")):
            return None
        text = _read_regular(path)
    except (OSError, ValueError):  # many fail while their device is going or asleep; a NUL in the name
        return None
    return None if text is None else text.removesuffix(b"\n").decode("utf-8", "replace")


def _read_regular(path: str) -> bytes | None:
    descriptor = os.open(path, _FLAGS)
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, MOST_BYTES) if regular else None
    finally:
        os.close(descriptor)
