"""A file of modprobe.d that keeps everybody from loading what crashed: until the next boot, it lies in /run.

Its name sorts before the file that kmodd generates otherwise: of several softdep lines the first counts, and
a module with softdeps loses its install command (core/modprobe_conf.py).
"""

import logging
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from kmodd.core.modprobe_conf import HEADER, REFUSAL
from kmodd.files import BLOCKED, write_atomically
from kmodd.names import ModuleName

_MODE: Final = 0o644

_log = logging.getLogger(__name__)


class BlockFile:
    """The file in ``directory``; written only when it is to say something else."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / BLOCKED
        self._names: frozenset[ModuleName] | None = None

    def apply(self, names: Collection[ModuleName]) -> str:
        """Have these modules loaded by nobody; why that cannot be done, "" if it is."""
        wanted = frozenset(names)
        if wanted == self._names:
            return ""
        try:
            if wanted:
                self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                write_atomically(self._path, _text(wanted).encode("ascii"), mode=_MODE)
                _log.info("wrote %s: nobody is to load %s", self._path, ", ".join(sorted(wanted)))
            else:
                with suppress(FileNotFoundError):
                    os.unlink(self._path)
        except OSError as error:
            return f"{self._path} cannot be written: {error.strerror}"
        self._names = wanted
        return ""


def _text(names: Collection[ModuleName]) -> str:
    lines = (f"install {name} {REFUSAL}\nsoftdep {name} pre:\n" for name in sorted(names))
    return f"{HEADER}\n{''.join(lines)}"
