"""Causes of a failed load as rows of a table: what is known of each, and what is to be said."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kmodd.core.diagnose import Known
from kmodd.core.load_failure import load_failure
from kmodd.core.memory import Retry
from kmodd.model import ModuleInfo
from kmodd.names import ModuleName
from kmodd.shown import EMPTY, Condition, FailureCode

CARD = ModuleName("card")
RELEASE = "6.12.0-test"
MAGIC = f"{RELEASE} SMP preempt"
FILE = ModuleInfo(CARD, path="/lib/card.ko", has_modinfo=True, vermagic=MAGIC, signer="Debian")
UNREADABLE = FILE._replace(has_modinfo=False, vermagic="", signer="")
UNSIGNED_LINE = "Lockdown: kmodd-loader: unsigned module loading is restricted; see man kernel_lockdown.7"
HARDWARE_LINE = "Lockdown: kmodd-loader: unsafe module parameters is restricted; see man kernel_lockdown.7"


class Row(NamedTuple):
    """A cause: what is known of it, and what is to be said."""

    error: int
    message: str
    lines: tuple[str, ...] = ()
    known: Mapping[str, Any] = EMPTY
    condition: Condition = Condition.FAILED
    retry: Retry = Retry.CHANGE

    def check(self) -> None:
        """Assert that it is told so."""
        found = load_failure(self.error, self.lines, Known(CARD, release=RELEASE)._replace(**self.known))
        assert found.message == self.message
        assert (found.condition, found.retry) == (self.condition, self.retry)
        assert found.code in list(FailureCode)


def row(error: int, message: str, *lines: str, **known: Any) -> Row:
    """One that no waiting makes good; ``lines`` of the kernel's log, and fields of Known."""
    return Row(error, message, lines, known)


def passing(error: int, message: str, *lines: str, **known: Any) -> Row:
    """One that is tried again after a while."""
    return Row(error, message, lines, known, Condition.BACKING_OFF, Retry.BACKOFF)
