"""The answer to ListModules, kept while every status is the very same: programs ask again and again."""

from collections.abc import Iterable
from operator import is_

from kmodd.bus.encode import encode
from kmodd.bus.table import Encoded
from kmodd.names import printable
from kmodd.shown import Condition, ModuleStatus

SIGNATURE = "a(sssss)"


class Listing:
    """One for each connection; a status never changes, it is replaced."""

    def __init__(self) -> None:
        self._statuses: tuple[ModuleStatus, ...] = ()
        self._rows = _rows(())

    def rows(self, statuses: Iterable[ModuleStatus]) -> Encoded:
        """Name, desired, state, condition and message of each managed module."""
        given = tuple(statuses)
        if len(given) != len(self._statuses) or not all(map(is_, given, self._statuses)):
            self._statuses, self._rows = given, _rows(given)
        return self._rows


def _rows(statuses: Iterable[ModuleStatus]) -> Encoded:
    managed = (status for status in statuses if status.condition is not Condition.NOT_MANAGED)
    return Encoded(encode(SIGNATURE, ([_row(status) for status in managed],)))


def _row(status: ModuleStatus) -> tuple[str, str, str, str, str]:
    return status.name, status.desired, status.state, status.condition, printable(status.message)
