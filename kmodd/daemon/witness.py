"""Has each change of the kernel written down before it is made, while there is a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kmodd.intent import Note
from kmodd.model import Report, Request

if TYPE_CHECKING:
    from kmodd.kernel.ports import Performer


class Witness:
    """``ports.Performer`` that tells ``note`` first; what cannot be noted is not done."""

    def __init__(self, performer: Performer, note: Callable[[Request], None]) -> None:
        self._performer = performer
        self._note = note

    async def perform(self, request: Request, note: Note | None = None) -> Report:
        """Carry out ``request``. Raises STATE_NOT_WRITABLE, and as the performer."""
        self._note(request)
        return await self._performer.perform(request, note)
