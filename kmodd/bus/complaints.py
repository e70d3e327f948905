"""Log lines that a stranger can provoke: at most one in a while, the rest counted."""

import logging
import time
from collections.abc import Callable

QUIET_S = 30.0


class Complaints:
    """One line of a kind each ``quiet_s`` seconds."""

    def __init__(
        self, log: logging.Logger, quiet_s: float = QUIET_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._quiet_s = quiet_s
        self._clock = clock
        self._next: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def say(self, kind: str, message: str, *arguments: object, error: BaseException | None = None) -> None:
        """Log ``message``, or count it as a further one of ``kind``; kinds are few and fixed."""
        now = self._clock()
        if now < self._next.get(kind, now):
            self._held[kind] = self._held.get(kind, 0) + 1
            return
        self._next[kind] = now + self._quiet_s
        held = self._held.pop(kind, 0)
        more = f" ({held} more of this kind before)" if held else ""
        self._log.warning(message + more, *arguments, exc_info=error)
