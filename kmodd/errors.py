"""Every kind of error that kmodd can report, with what the outside sees of it.

One table: a kind has a stable code, a D-Bus error name, an exit status and whether trying again
can help. An error itself adds one sentence, what to do, and where it comes from.
"""

from __future__ import annotations

from kmodd.named_tuple import NamedTuple

BUS_PREFIX = "org.kmodd1.Error."


class Kind(NamedTuple):
    """What the outside sees of a kind of error: stable code for logs and JSON, exit status (kmoddctl(1)).

    ``retryable``: whether the same request can succeed later without a change by a person.
    """

    code: str
    bus_member: str
    exit_status: int
    retryable: bool

    @property
    def bus_name(self) -> str:
        """Full D-Bus error name (org.kmodd1(5))."""
        return BUS_PREFIX + self.bus_member


class ErrorKind:
    """Every kind of error; this table is the only place that knows codes, names and statuses.

    No Enum, which with its import is a tenth of ``kmoddctl status``.
    """

    NOT_FOUND = Kind("not-found", "NotFound", 4, False)
    INVALID_CONFIG = Kind("invalid-config", "InvalidConfig", 5, False)
    INVALID_ARGUMENT = Kind("invalid-argument", "InvalidArgument", 2, False)
    NOT_AUTHORIZED = Kind("not-authorized", "NotAuthorized", 6, False)
    BUSY = Kind("busy", "Busy", 7, True)
    IN_USE = Kind("in-use", "InUse", 8, True)
    ALREADY_RUNNING = Kind("already-running", "Busy", 9, False)
    NO_MODULE_SUPPORT = Kind("no-module-support", "Failed", 10, False)
    NO_MODULE_TREE = Kind("no-module-tree", "Failed", 11, True)
    NO_LIBKMOD = Kind("no-libkmod", "Failed", 12, False)
    NO_BUS = Kind("no-bus", "Failed", 13, True)
    LOADER_LOST = Kind("loader-lost", "Failed", 14, True)
    COMPILER_LOST = Kind("compiler-lost", "Failed", 15, True)
    STATE_NOT_WRITABLE = Kind("state-not-writable", "Failed", 16, True)
    NOT_PERMITTED = Kind("not-permitted", "Failed", 17, False)
    NOT_RUNNING = Kind("not-running", "Failed", 18, True)
    FAILED = Kind("failed", "Failed", 1, False)


KINDS = {kind.code: kind for kind in vars(ErrorKind).values() if isinstance(kind, Kind)}
"""Each of them by its code."""


def kind_of_bus_name(name: str) -> Kind:
    """Kind for a D-Bus error name; FAILED for one that is not ours or that many kinds share."""
    if name == ErrorKind.FAILED.bus_name:
        return ErrorKind.FAILED
    return next((kind for kind in KINDS.values() if kind.bus_name == name), ErrorKind.FAILED)


class KmoddError(Exception):
    """An error that a person or a caller is to read: code, one sentence, what to do, where from."""

    def __init__(self, kind: Kind, message: str, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{advice}"
