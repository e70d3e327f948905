"""Processes of an earlier loader that still make a change: watched until they end, by their pidfd."""

import asyncio
import os
from collections.abc import Callable

from kmodd.core.memory import Change
from kmodd.intent import Intent
from kmodd.kernel.proc_stat import start_ticks


class Watched:
    """Processes by what they do; ``ended`` is called in the loop when one is over."""

    def __init__(self, proc: str, ended: Callable[[Intent], None]) -> None:
        self._proc = proc
        self._ended = ended
        self._intents: dict[Change, tuple[Intent, int]] = {}

    @property
    def intents(self) -> tuple[Intent, ...]:
        """What is still being done."""
        return tuple(intent for intent, _ in self._intents.values())

    def add(self, intent: Intent) -> bool:
        """Watch the process of ``intent``; false if it is over already."""
        try:
            descriptor = os.pidfd_open(intent.pid)
        except OSError:
            return False
        try:
            # Asked after it was opened: now the number cannot be given to another process unnoticed.
            is_it = start_ticks(intent.pid, self._proc) == intent.start_ticks
        except OSError:
            is_it = False
        if not is_it:
            os.close(descriptor)
            return False
        change = (intent.module, intent.kind)
        self._forget(change)
        self._intents[change] = (intent, descriptor)
        asyncio.get_running_loop().add_reader(descriptor, self._gone, change)
        return True

    def close(self) -> None:
        """Let go of all of them; they go on."""
        for change in list(self._intents):
            self._forget(change)

    def _gone(self, change: Change) -> None:
        intent, _ = self._intents[change]
        self._forget(change)
        self._ended(intent)

    def _forget(self, change: Change) -> None:
        if change in self._intents:
            _, descriptor = self._intents.pop(change)
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)
