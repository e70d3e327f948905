"""The outer edge towards callers: whatever goes wrong in a handler becomes an error name and a sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from kmodd.bus.complaints import Complaints
from kmodd.bus.message import CallError
from kmodd.errors import ErrorKind, KmoddError
from kmodd.named_tuple import NamedTuple

T = TypeVar("T")
_complaints = Complaints(logging.getLogger(__name__))


class Failure(NamedTuple):
    """What the caller is told: a D-Bus error name and a sentence."""

    name: str
    text: str


def attempt(action: Callable[[], T], what: str) -> T | Failure:
    """The result of ``action``, or why there is none; ``what`` names it in the log and to the caller."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001  the outer edge: no exception may end the service or reach a caller
        return failure_of(error, what)


def failure_of(error: BaseException, what: str) -> Failure:
    """What a caller is told of ``error``; a traceback goes to the log only."""
    if isinstance(error, CallError):
        return Failure(error.name, error.text)
    if isinstance(error, KmoddError):
        return Failure(error.kind.bus_name, str(error))
    _complaints.say(what, "%s failed", what, error=error)
    return Failure(ErrorKind.FAILED.bus_name, f"{what} failed inside kmodd; the journal says why")
