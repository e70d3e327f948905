"""Every kind of error that kmodd can report, with what the outside sees of it.

One table: a kind has a stable code, a D-Bus error name, an exit status and whether trying again
can help. An error itself adds one sentence, what to do, and where it comes from.
"""

from enum import Enum
from typing import NamedTuple

BUS_PREFIX = "org.kmodd1.Error."


class _Facts(NamedTuple):
    """What the outside sees of an error kind; no dataclass, whose import would cost the loader 11 ms."""

    code: str
    bus_member: str
    exit_status: int
    retryable: bool


class ErrorKind(Enum):
    """A kind of error; the table below is the only place that knows codes, names and statuses."""

    NOT_FOUND = _Facts("not-found", "NotFound", 4, False)
    INVALID_CONFIG = _Facts("invalid-config", "InvalidConfig", 5, False)
    INVALID_ARGUMENT = _Facts("invalid-argument", "InvalidArgument", 2, False)
    NOT_AUTHORIZED = _Facts("not-authorized", "NotAuthorized", 6, False)
    BUSY = _Facts("busy", "Busy", 7, True)
    IN_USE = _Facts("in-use", "InUse", 8, True)
    ALREADY_RUNNING = _Facts("already-running", "Busy", 9, False)
    NO_MODULE_SUPPORT = _Facts("no-module-support", "Failed", 10, False)
    NO_MODULE_TREE = _Facts("no-module-tree", "Failed", 11, True)
    NO_LIBKMOD = _Facts("no-libkmod", "Failed", 12, False)
    NO_BUS = _Facts("no-bus", "Failed", 13, True)
    LOADER_LOST = _Facts("loader-lost", "Failed", 14, True)
    COMPILER_LOST = _Facts("compiler-lost", "Failed", 15, True)
    STATE_NOT_WRITABLE = _Facts("state-not-writable", "Failed", 16, True)
    NOT_PERMITTED = _Facts("not-permitted", "Failed", 17, False)
    NOT_RUNNING = _Facts("not-running", "Failed", 18, True)
    FAILED = _Facts("failed", "Failed", 1, False)

    @property
    def code(self) -> str:
        """Stable code for logs, JSON and tests."""
        return self.value.code

    @property
    def bus_name(self) -> str:
        """Full D-Bus error name (org.kmodd1(5))."""
        return BUS_PREFIX + self.value.bus_member

    @property
    def exit_status(self) -> int:
        """Exit status of kmodd and kmoddctl (kmoddctl(1))."""
        return self.value.exit_status

    @property
    def retryable(self) -> bool:
        """Whether the same request can succeed later without a change by a person."""
        return self.value.retryable

    @staticmethod
    def of_bus_name(name: str) -> "ErrorKind":
        """Kind for a D-Bus error name; FAILED for one that is not ours or that many kinds share."""
        if name == ErrorKind.FAILED.bus_name:
            return ErrorKind.FAILED
        return next((kind for kind in ErrorKind if kind.bus_name == name), ErrorKind.FAILED)


class KmoddError(Exception):
    """An error that a person or a caller is to read: code, one sentence, what to do, where from."""

    def __init__(self, kind: ErrorKind, message: str, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.message}{advice}"
