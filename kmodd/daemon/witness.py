"""Has each change of the kernel written down before it is made, while there is a checkpoint."""

from collections.abc import Callable

from kmodd.kernel.ports import Performer
from kmodd.model import Report, Request


class Witness:
    """``ports.Performer`` that tells ``note`` first; what cannot be noted is not done."""

    def __init__(self, performer: Performer, note: Callable[[Request], None]) -> None:
        self._performer = performer
        self._note = note

    async def perform(self, request: Request) -> Report:
        """Carry out ``request``. Raises as ``note`` does, and LOADER_LOST, NO_LIBKMOD."""
        self._note(request)
        return await self._performer.perform(request)
