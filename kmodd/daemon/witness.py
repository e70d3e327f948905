"""Has each change of the kernel written down before it is made, while there is a checkpoint."""

from collections.abc import Callable

from kmodd.intent import Note
from kmodd.kernel.ports import Performer
from kmodd.model import Report, Request


class Witness:
    """``ports.Performer`` that tells ``note`` first; what cannot be noted is not done."""

    def __init__(self, performer: Performer, note: Callable[[Request], None]) -> None:
        self._performer = performer
        self._note = note

    async def perform(self, request: Request, note: Note | None = None) -> Report:
        """Carry out ``request``. Raises STATE_NOT_WRITABLE, and as the performer."""
        self._note(request)
        return await self._performer.perform(request, note)
