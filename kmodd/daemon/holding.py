"""What a rollback leaves: the declarations before it stay in force while the files say what was rolled back.

kmodd never writes to /etc, so somebody has to change the files; until then it says so and is degraded.
"""

import logging

from kmodd.daemon.checkpoint_file import CheckpointFile, Held
from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import Catalog
from kmodd.names import printable

_KEEPS = "a rollback keeps what the files say from being in force"
_HINT = "change the files, or call Reload to put them in force"

_log = logging.getLogger(__name__)


class Holding:
    """Kept in ``file``, so that a restart holds it too."""

    def __init__(self, file: CheckpointFile) -> None:
        self._file = file
        self._held: Held | None = None

    def restore(self) -> None:
        """Go on with what was kept; damage is said, and then nothing is held. Never raises."""
        try:
            self._held = self._file.read_held()
        except ValueError as damage:
            _log.error("what a rollback left is damaged, so the files are in force as they are: %s", damage)
            self._set(None)

    @property
    def problem(self) -> str:
        """What a rollback has left, in a sentence; "" for nothing."""
        held = self._held
        if held is None:
            return ""
        refused = [f"{_KEEPS} ({_HINT})"] if _refuses(held) else []
        return "; ".join(refused + ([left_over(held.left)] if held.left else []))

    def refuse(self) -> None:
        """Raises BUSY while files are kept from being in force: nothing can be judged together with them."""
        if self._held is not None and _refuses(self._held):
            raise KmoddError(ErrorKind.BUSY, _KEEPS, _HINT)

    def hold(self, held: Held) -> None:
        """From now on; nothing if there is nothing to be held and to be said. Never raises."""
        self._set(held if held.left or _refuses(held) else None)

    def let_go(self) -> None:
        """Put in force again what the files say. Never raises."""
        if self._held is not None:
            self._set(None)

    def in_force(self, compiled: Catalog) -> Catalog:
        """What is in force when the files come to ``compiled``; any other word of them ends the holding."""
        held = self._held
        if held is None:
            return compiled
        if held.refused is None:
            self._set(held._replace(refused=compiled))
        elif compiled.declarations != held.refused.declarations:
            self._set(None)
            return compiled
        return declaring(compiled, held.catalog)

    def _set(self, held: Held | None) -> None:
        self._held = held
        try:
            self._file.hold(held)
        except KmoddError as error:
            _log.error("%s", error)


def declaring(compiled: Catalog, other: Catalog) -> Catalog:
    """``compiled`` with the declarations of another; settings and messages are of the files as they are."""
    return compiled._replace(key=other.key, declarations=other.declarations)


def left_over(left: tuple[str, ...]) -> str:
    """In a sentence."""
    return f"a rollback could not take everything back: {printable('; '.join(left))}"


def _refuses(held: Held) -> bool:
    """Whether files are kept from being in force."""
    return held.refused is None or held.refused.declarations != held.catalog.declarations
