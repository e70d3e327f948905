"""Where the kernel shows itself and where modules lie; tests give other places."""

from __future__ import annotations

from kmodd.named_tuple import NamedTuple


class Roots(NamedTuple):
    """Directories and files that the kernel side reads and writes.

    ``module_tree`` is what libkmod is to take for /lib/modules/RELEASE and ``modprobe_dirs`` for its
    directories of modprobe.d files, highest first; None means the usual ones.
    """

    proc: str = "/proc"
    sys: str = "/sys"
    kmsg: str = "/dev/kmsg"
    module_tree: str | None = None
    modprobe_dirs: tuple[str, ...] | None = None
