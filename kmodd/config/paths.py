"""Where the configuration lies and where its compiled forms go; the real places stand only here."""

from __future__ import annotations

from pathlib import Path

from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName

_DIRECTORIES = ("/etc/kmodd.d", "/run/kmodd.d", "/usr/local/lib/kmodd.d", "/usr/lib/kmodd.d")

CHECKPOINT = "checkpoint.json"
OVERRIDE_PREFIX, OVERRIDE_SUFFIX = "zz-override-", ".toml"
"""Of a drop-in that SetOverride makes: it sorts behind all others."""


def override_name(module: ModuleName) -> str:
    """File name of the override of a module."""
    return f"{OVERRIDE_PREFIX}{module}{OVERRIDE_SUFFIX}"


class ConfigPaths(NamedTuple):
    """Directories of drop-ins, highest first, the daemon's own settings, and where results are kept.

    ``overrides_dir`` is the one of the directories that kmodd itself writes to (daemon/overrides.py).
    ``trial_dir`` is above all of them, and holds files while they are tried (``kmoddctl try``): not in /etc,
    so that neither a power cut nor the end of a terminal leaves there what nobody has kept.
    """

    directories: tuple[Path, ...] = tuple(map(Path, _DIRECTORIES))
    settings: Path = Path("/etc/kmodd/kmodd.toml")
    runtime_dir: Path = Path("/run/kmodd")
    state_dir: Path = Path("/var/lib/kmodd")
    overrides_dir: Path = Path("/run/kmodd.d")
    trial_dir: Path = Path("/run/kmodd.d/trial")

    @property
    def layers(self) -> tuple[Path, ...]:
        """Every directory whose files count, highest first."""
        return (self.trial_dir, *self.directories)

    @property
    def checkpoint(self) -> Path:
        """There while a checkpoint is open (daemon/checkpoint_file.py), so gone when it is committed."""
        return self.runtime_dir / CHECKPOINT

    @property
    def catalog(self) -> Path:
        """The compiled catalog; gone after a reboot, made again from the files."""
        return self.runtime_dir / "catalog.json"

    @property
    def last_good(self) -> Path:
        """The text of every file as it was last in force; survives a reboot."""
        return self.state_dir / "last-good.json"
