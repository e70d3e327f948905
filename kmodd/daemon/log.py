"""The daemon's log: text on standard error for people, structured fields where that is the journal.

Fields are given as ``extra=fields(module=..., action=...)`` and are MODULE=, ACTION=, OUTCOME=, CODE= in the
journal (systemd.journal-fields(7)). Everything is escaped here: names and kernel messages are hostile.
"""

import logging
import os
import socket
import sys
from collections.abc import Mapping
from typing import Final, TextIO

from kmodd.names import printable

JOURNAL_SOCKET: Final = "/run/systemd/journal/socket"
_FIELDS: Final = ("MESSAGE_ID", "MODULE", "ACTION", "OUTCOME", "CODE")
_MOST_CHARACTERS: Final = 16384
"""Longer text does not fit a datagram for sure; nobody needs more of one line."""


def fields(
    message_id: str = "", *, module: str = "", action: str = "", outcome: str = "", code: str = ""
) -> dict[str, str]:
    """What to pass as ``extra`` to a logging call (``message_id.MessageId``); an empty field is left out."""
    given = dict(zip(_FIELDS, (message_id, module, action, outcome, code), strict=True))
    return {name: value for name, value in given.items() if value}


def configure(
    environment: Mapping[str, str], level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Send what kmodd logs to ``stream`` (standard error), or to the journal where that is behind it."""
    target = sys.stderr if stream is None else stream
    handler: logging.Handler = StreamHandler(target)
    if is_journal(environment.get("JOURNAL_STREAM", ""), target):
        handler = JournalHandler(StreamHandler(target, prefixed=True))
    logger = logging.getLogger("kmodd")
    for old in tuple(logger.handlers):
        logger.removeHandler(old)
        old.close()
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False


def is_journal(announced: str, stream: TextIO) -> bool:
    """Whether JOURNAL_STREAM ("device:inode", systemd.exec(5)) announces the very file behind ``stream``."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file behind it
        return False
    return announced == f"{found.st_dev}:{found.st_ino}"


def priority(level: int) -> int:
    """syslog(3) priority of a logging level."""
    steps = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
    return next((number for least, number in steps if level >= least), 7)


class StreamHandler(logging.StreamHandler[TextIO]):
    """One line a record; with a "<priority>" (sd-daemon(3)) before every line where the journal reads it."""

    def __init__(self, stream: TextIO, *, prefixed: bool = False) -> None:
        super().__init__(stream)
        self._prefixed = prefixed

    def format(self, record: logging.LogRecord) -> str:
        """The escaped message; warnings and errors say what they are."""
        message = _message(record)
        if self._prefixed:
            return "\n".join(f"<{priority(record.levelno)}>{line}" for line in message.split("\n"))
        severity = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        return f"kmodd: {severity}{message}"


class JournalHandler(logging.Handler):
    """Writes to journald's own socket; where that fails, to the fallback, so that nothing is lost."""

    def __init__(self, fallback: logging.Handler, address: str = JOURNAL_SOCKET) -> None:
        super().__init__()
        self._fallback = fallback
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; never blocks, never raises."""
        try:
            self._socket.sendto(datagram(record), self._address)
        except OSError:
            self._fallback.handle(record)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()


def datagram(record: logging.LogRecord) -> bytes:
    """One entry in the journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL)."""
    entry = {
        "MESSAGE": _message(record),
        "PRIORITY": str(priority(record.levelno)),
        "SYSLOG_IDENTIFIER": "kmodd",
        "LOGGER": record.name,
    }
    for name in _FIELDS:
        value = getattr(record, name, "")
        if value:
            entry[name] = printable(str(value))[:_MOST_CHARACTERS]
    return b"".join(_field(name, value) for name, value in entry.items())


def _field(name: str, value: str) -> bytes:
    data = value.encode()
    if b"\n" not in data:
        return b"%s=%s\n" % (name.encode(), data)
    return b"%s\n%s%s\n" % (name.encode(), len(data).to_bytes(8, "little"), data)


def _message(record: logging.LogRecord) -> str:
    """The message, escaped; behind it, line by line, the traceback if there is one."""
    lines = [printable(record.getMessage()[:_MOST_CHARACTERS])]
    if record.exc_info:
        traceback = logging.Formatter().formatException(record.exc_info)
        lines += map(printable, traceback[-_MOST_CHARACTERS:].split("\n"))
    return "\n".join(lines)
