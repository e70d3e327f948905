"""Overrides: what callers want of a module until the next boot, each a drop-in of its own.

A drop-in, because then the compiler, provenance and hiding treat it as any other. Its name has the last word.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from kmodd.daemon.override_files import OverrideFiles
from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import Catalog
from kmodd.names import ModuleName, printable
from kmodd.shown import Severity


class Overrides:
    """One change at a time: that is for who calls to see to.

    ``recompile`` has the files compiled and a pass made, and returns the catalog in force.
    """

    def __init__(self, files: OverrideFiles, recompile: Callable[[], Awaitable[Catalog]]) -> None:
        self._files = files
        self._recompile = recompile

    async def set(self, name: ModuleName, text: str) -> None:
        """Put ``text`` in the place of the module's override.

        Raises INVALID_CONFIG with every message, after which all is as it was, and STATE_NOT_WRITABLE.
        """
        hiding = self._files.hidden_by(name)
        if hiding is not None:
            message = f"{hiding} hides every override of {name}"
            raise KmoddError(ErrorKind.INVALID_CONFIG, message, "take that file away, or change it")
        try:
            self._files.put(name, text)
            await self._judge(name)
        except KmoddError:
            self._files.recover()
            with suppress(KmoddError):  # the pass has said it
                await self._recompile()
            raise
        self._files.keep()

    async def clear(self, name: ModuleName) -> None:
        """Take the module's override away. Raises NOT_FOUND, STATE_NOT_WRITABLE, and as the pass after it."""
        if not self._files.remove(name):
            hint = "GetModule and Explain show what is declared, and where"
            raise KmoddError(ErrorKind.NOT_FOUND, f"there is no override of {name}", hint)
        await self._recompile()

    async def _judge(self, name: ModuleName) -> None:
        """Have it compiled; raises INVALID_CONFIG if the compiler refuses it."""
        catalog = await self._recompile()
        file = printable(str(self._files.path(name)))
        errors = [i for i in catalog.issues if i.severity is Severity.ERROR and i.location.file == file]
        if errors:
            lines = "\n".join(f"{issue.message} ({issue.hint})" for issue in errors)
            raise KmoddError(ErrorKind.INVALID_CONFIG, lines)
