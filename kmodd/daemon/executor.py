"""Carries out the steps of a plan: each when what it needs is done, as many at once as allowed.

An action that has begun is never interrupted; what has not begun is replaced by the next plan.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from errno import EIO
from typing import TYPE_CHECKING

from kmodd.core.draft import Step
from kmodd.core.memory import Attempt
from kmodd.daemon.chance import chance
from kmodd.daemon.clock import now_us
from kmodd.daemon.log import fields
from kmodd.daemon.message_id import MessageId
from kmodd.daemon.store import MemoryStore
from kmodd.errors import KmoddError
from kmodd.model import Report
from kmodd.names import ModuleName
from kmodd.shown import Outcome, OutcomeRow

if TYPE_CHECKING:
    from kmodd.daemon.examiner import Examiner
    from kmodd.daemon.roles import Guard
    from kmodd.kernel.ports import KernelReader, Performer

_log = logging.getLogger(__name__)

PROGRESS_S = 0.25
"""While others are at work, what is done is shown after this long, with what else has ended by then."""

SUCCESS = frozenset((Outcome.DONE, Outcome.UNCHANGED))


class _Waiting:
    """A step that has not begun: what it still waits for, and whether a strong need has failed."""

    __slots__ = ("blocked", "step", "unmet")

    def __init__(self, step: Step, unmet: set[ModuleName]) -> None:
        self.step = step
        self.unmet = unmet
        self.blocked = False


class _Running:
    """A step under way; a slow one does not count against the limit any more."""

    __slots__ = ("slow", "step", "timer")

    def __init__(self, step: Step, timer: asyncio.TimerHandle) -> None:
        self.step = step
        self.timer = timer
        self.slow = False


class Executor:
    """Runs steps in ``group``; calls ``changed`` when one has ended or becomes slow."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        loader: Performer,
        reader: KernelReader,
        store: MemoryStore,
        guard: Guard,
        examiner: Callable[[], Examiner],
        changed: Callable[[], None],
    ) -> None:
        """``examiner`` is called when an action has ended, and may make one then."""
        self._group = group
        self._loader = loader
        self._reader = reader
        self._examiner = examiner
        self._store = store
        self._guard = guard
        self._changed = changed
        self._waiters: dict[ModuleName, list[_Waiting]] = {}
        self._ready: deque[_Waiting] = deque()
        self._running: dict[ModuleName, _Running] = {}
        self._busy = 0
        self._progress: asyncio.TimerHandle | None = None
        self._rows: list[OutcomeRow] = []
        self.parallel = 4

    @property
    def idle(self) -> bool:
        """Whether nothing goes on but what is slow, and what waits for that."""
        return not self._busy

    def take_rows(self) -> tuple[OutcomeRow, ...]:
        """Outcomes since the last call."""
        rows, self._rows = tuple(self._rows), []
        return rows

    def replace(self, steps: Iterable[Step]) -> None:
        """Put a new plan in the place of what has not begun; steps come in an order that obeys."""
        self._waiters, self._ready = {}, deque()
        coming = set(self._running)
        for step in steps:
            if step.module in self._running:
                continue
            waiting = _Waiting(step, {need for need in (*step.strong, *step.weak) if need in coming})
            for need in waiting.unmet:
                self._waiters.setdefault(need, []).append(waiting)
            if not waiting.unmet:
                self._ready.append(waiting)
            coming.add(step.module)
        self._start_ready()

    def _start_ready(self) -> None:
        while self._ready and (self._ready[0].blocked or self._busy < self.parallel):
            waiting = self._ready.popleft()
            if waiting.blocked:
                self._settle(waiting.step, Outcome.BLOCKED)
            else:
                self._start(waiting.step)

    def _start(self, step: Step) -> None:
        timer = asyncio.get_running_loop().call_later(step.timeout_s, self._is_slow, step.module)
        self._running[step.module] = _Running(step, timer)
        self._busy += 1
        self._store.begin(step.module, step.kind, now_us())
        self._group.create_task(self._run(step), name=f"{step.kind} {step.module}")

    def _is_slow(self, module: ModuleName) -> None:
        self._running[module].slow = True
        self._busy -= 1
        self._start_ready()
        self._changed()

    async def _run(self, step: Step) -> None:
        before = tuple(map(self._reader.instance, step.needs))
        report = await self._perform(step)
        outcome, attempt = await self._examiner().came_of(step, report, before)
        self._store.end(step.module, attempt)
        if outcome is Outcome.DONE:
            self._store.succeed(step.module, step.kind, now_us(), chance())
        elif step.owed and outcome is Outcome.UNCHANGED:
            self._store.disown(step.module)
        self._tell(step, outcome, attempt)
        self._ended(self._running.pop(step.module))
        self._settle(step, outcome)
        self._start_ready()
        self._report()
        if self.idle:
            await self._guard.keep_closed()

    def _report(self) -> None:
        """Have it looked at: at once when all is done, else soon, because another may hang."""
        if self.idle:
            self._report_now()
        elif self._progress is None:
            self._progress = asyncio.get_running_loop().call_later(PROGRESS_S, self._report_now)

    def _report_now(self) -> None:
        if self._progress is not None:
            self._progress.cancel()
            self._progress = None
        self._changed()

    async def _perform(self, step: Step) -> Report:
        """Have it done; whatever comes of it is a report."""
        try:
            if step.owed:
                self._store.owe(step.module)
            return await self._loader.perform(step.request, self._guard.note(step))
        except KmoddError as error:
            marks = fields(
                MessageId.ACTION_FAILED, module=step.module, action=step.kind, code=error.kind.code
            )
            _log.error("%s %s: %s", step.kind, step.module, error, extra=marks)
            return Report(lost=True)
        except OSError as error:  # what is not written down is not begun: a crash in between would lose it
            _log.error("cannot keep that %s is to be loaded again: %s", step.module, error.strerror)
            return Report(error=error.errno or EIO)

    def _ended(self, running: _Running) -> None:
        running.timer.cancel()
        if not running.slow:
            self._busy -= 1

    def _settle(self, step: Step, outcome: Outcome) -> None:
        """Release what waited for ``step``; what strongly needed it is blocked if it failed."""
        self._rows.append(OutcomeRow(step.module, step.kind, outcome))
        for waiting in self._waiters.pop(step.module, ()):
            waiting.unmet.discard(step.module)
            waiting.blocked |= outcome not in SUCCESS and step.module in waiting.step.strong
            if not waiting.unmet:
                self._ready.append(waiting)

    def _tell(self, step: Step, outcome: Outcome, attempt: Attempt | None) -> None:
        code = (attempt.code or attempt.condition) if attempt else ""
        done = MessageId.ACTION_DONE if outcome is Outcome.DONE else ""
        which = MessageId.ACTION_FAILED if attempt else done
        marks = fields(which, module=step.module, action=step.kind, outcome=outcome, code=code)
        if attempt is None:
            _log.info("%s %s: %s (%s)", step.kind, step.module, outcome, step.reason, extra=marks)
        else:
            _log.warning("%s %s: %s: %s", step.kind, step.module, outcome, attempt.message, extra=marks)
