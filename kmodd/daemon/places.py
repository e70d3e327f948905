"""Every path and address that the daemon touches; the real ones stand here and in what this names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from kmodd.bus.address import system_bus
from kmodd.bus.names import SYSTEM_BUS
from kmodd.config.paths import ConfigPaths
from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.roots import Roots
from kmodd.named_tuple import NamedTuple

MODPROBE_DIRS = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
"""modprobe.d(5)."""
PSTORE = ("/sys/fs/pstore", "/var/lib/systemd/pstore")
"""Where records of crashes lie (kernel/pstore.py)."""


class Places(NamedTuple):
    """Where things are; tests give others."""

    config: ConfigPaths = ConfigPaths()
    roots: Roots = Roots()
    modules: Path = Path("/lib/modules")
    modprobe_dirs: tuple[str, ...] = MODPROBE_DIRS
    block_dir: Path = Path("/run/modprobe.d")
    pstore: tuple[str, ...] = PSTORE
    bus: str = SYSTEM_BUS

    @property
    def initramfs(self) -> Path:
        """Records of what initramfs images hold (kmodd.initramfs)."""
        return self.config.state_dir / "initramfs"

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Places:
        """The real places, with the bus that is meant."""
        return cls(bus=system_bus(environment))


def make_runtime_dir(places: Places) -> None:
    """Make the one directory that kmodd cannot do without, for root to write. Raises STATE_NOT_WRITABLE.

    The state directory is the compiler's, which does without and says so.
    """
    path = places.config.runtime_dir
    try:
        os.makedirs(path, 0o755, exist_ok=True)
    except OSError as error:
        raise KmoddError(
            ErrorKind.STATE_NOT_WRITABLE,
            f"cannot make {path}: {error.strerror}",
            "kmodd runs as root and needs this directory",
        ) from error
