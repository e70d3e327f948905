"""Whether kmodd may change anything, and who says that it may not."""

import logging
from pathlib import Path

from kmodd.core.resolve import DesiredState
from kmodd.daemon.log import fields
from kmodd.daemon.message_id import MessageId
from kmodd.errors import ErrorKind, KmoddError
from kmodd.files import write_atomically
from kmodd.model import Settings

PAUSED = "paused by a call"

_log = logging.getLogger(__name__)


class Enforcement:
    """``path`` is there while enforcement is paused: a restart goes on as it was, a boot does not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.paused = path.exists()
        self.why_not = ""
        """Who forbade it at the last look, "" for nobody."""

    def pause(self, *, paused: bool) -> None:
        """Keep whether enforcement is stopped. Raises STATE_NOT_WRITABLE, and then all is as it was."""
        try:
            if paused:
                write_atomically(self._path, b"")
            else:
                self._path.unlink(missing_ok=True)
        except OSError as error:
            raise KmoddError(
                ErrorKind.STATE_NOT_WRITABLE,
                f"cannot keep whether kmodd is paused: {error.strerror}",
                "see that the file system is there and not full",
                str(self._path),
            ) from error
        self.paused = paused

    @property
    def permitted(self) -> bool:
        """Whether settings and kernel command line let kmodd change anything."""
        return self.why_not in ("", PAUSED)

    @property
    def remark(self) -> str:
        """Why nothing is done about a module, for the end of its sentence."""
        return "kmodd is paused by a call" if self.why_not == PAUSED else "kmodd only reports"

    def look(self, settings: Settings, desired: DesiredState, safe_mode: str, *, back: bool) -> str:
        """Why kmodd changes nothing, "" if it may; a reason that is new is logged.

        ``safe_mode``: why the crash guard wants nothing to be changed. ``back``: it is about taking back what
        was changed before, which pausing does not stop.
        """
        why = PAUSED if self.paused and not back else safe_mode
        why = why if settings.enforce else "enforce = false in kmodd.toml"
        why = why if desired.enforce else "kmodd.enforce=0 on the kernel command line"
        if why and why != self.why_not:
            _log.warning(
                "kmodd only reports and changes nothing: %s", why, extra=fields(MessageId.ONLY_REPORTS)
            )
        self.why_not = why
        return why
