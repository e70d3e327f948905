"""Carries out the steps of a plan: each when what it needs is done, as many at once as allowed.

An action that has begun is never interrupted; what has not begun is replaced by the next plan.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from errno import EIO
from typing import Protocol

from kmodd.action import ActionKind
from kmodd.core.diagnose import Known
from kmodd.core.draft import Step
from kmodd.core.kernel_lines import ignored
from kmodd.core.memory import Attempt, LoadRecord, crashed, judge_load, judge_unload, judge_write
from kmodd.core.parameters import shown_of
from kmodd.daemon.chance import chance
from kmodd.daemon.clock import now_us
from kmodd.daemon.examiner import Examiner
from kmodd.daemon.log import fields
from kmodd.daemon.message_id import MessageId
from kmodd.daemon.store import MemoryStore
from kmodd.errors import KmoddError
from kmodd.intent import Note
from kmodd.kernel.ports import KernelReader, Performer
from kmodd.model import ObservedModule, Report
from kmodd.names import ModuleName
from kmodd.shown import ModuleState, Outcome, OutcomeRow, Stage

_log = logging.getLogger(__name__)

PROGRESS_S = 0.25
"""While others are at work, what is done is shown after this long, with what else has ended by then."""

SUCCESS = frozenset((Outcome.DONE, Outcome.UNCHANGED))


class Guard(Protocol):
    """Who has every change written down before it is begun (crash_guard.CrashGuard)."""

    def note(self, step: Step) -> Note:
        """What the child of a step needs to write it down."""

    def ended(self, step: Step, report: Report, *, crashed: bool) -> None:
        """The child of a step is over, or the loader is."""

    async def keep_closed(self) -> None:
        """Have it on the disk what has ended."""


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
        examiner: Examiner,
        changed: Callable[[], None],
    ) -> None:
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
        before = self._instances(step.needs)
        report = await self._perform(step)
        known = await self._examiner.known(step, report)
        outcome, attempt = self._judge(step, report, before, known)
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

    def _instances(self, names: Iterable[ModuleName]) -> tuple[int, ...]:
        """Which instance of each module is there, 0 for none: another answer later means that it moved."""
        return tuple(map(self._reader.instance, names))

    def _judge(
        self, step: Step, report: Report, before: tuple[int, ...], known: Known
    ) -> tuple[Outcome, Attempt | None]:
        """What came of it, by what the kernel shows now; ``before``: instances of its needs at the start."""
        modules = self._reader.modules((step.module, *step.needs))
        after = modules.get(step.module)
        self._guard.ended(step, report, crashed=crashed(step.kind, report, after))
        previous = self._store.attempt(step.module)
        if step.kind is ActionKind.UNLOAD:
            return judge_unload(
                previous, report, after, now_us(), chance(), refcount=step.refcount, known=known
            )
        if step.kind is ActionKind.WRITE:
            return self._judge_write(step, report, known)
        moved = before != self._instances(step.needs) or not all(map(_is_live, map(modules.get, step.needs)))
        outcome, attempt = judge_load(
            previous, report, after, now_us(), chance(), needs_moved=moved, known=known
        )
        if outcome is Outcome.DONE and after is not None and not report.lost:
            self._remember(step, report, after, known.options)
        return outcome, attempt

    def _judge_write(self, step: Step, report: Report, known: Known) -> tuple[Outcome, Attempt | None]:
        """A builtin takes parameters too, and /proc/modules does not list it."""
        previous, instance = self._store.attempt(step.module), self._reader.instance(step.module)
        outcome, attempt = judge_write(
            previous, report, now_us(), chance(), gone=not instance, written=step.parameters, known=known
        )
        if outcome is Outcome.DONE:
            shown = shown_of(step.parameters, report.shown)
            with self._keeping(step.module):
                self._store.remember_write(step.module, instance, step.parameters, shown)
        return outcome, attempt

    @contextmanager
    def _keeping(self, module: ModuleName) -> Iterator[None]:
        """What cannot be kept is known until the daemon ends, and that is said."""
        try:
            yield
        except OSError as error:
            _log.warning("cannot keep what kmodd did with %s: %s", module, error.strerror)

    def _remember(self, step: Step, report: Report, after: ObservedModule, options: str) -> None:
        offset_us = time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000 - now_us()
        duration_us = report.finished_us - report.started_us
        loaded_us = report.finished_us + offset_us
        instance = self._reader.instance(after.name)
        untaken = ignored(report.messages, step.module, options, step.parameters)
        record = LoadRecord(
            instance,
            tuple(p for p in step.parameters if p not in untaken),
            loaded_us,
            duration_us,
            report.messages,
            shown_of(step.parameters, report.shown),
            _with_verify(report),
            untaken,
        )
        with self._keeping(step.module):
            self._store.remember_load(step.module, record)

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


def _with_verify(report: Report) -> tuple[Stage, ...]:
    """The stages of a load; the reading back by the daemon is part of the last one."""
    stages = {stage.name: stage.duration_us for stage in report.stages}
    stages["verify"] = stages.get("verify", 0) + now_us() - report.finished_us
    return tuple(Stage(*each) for each in stages.items())


def _is_live(module: ObservedModule | None) -> bool:
    """Whether its symbols can be used; one that is on its way out still has its directory."""
    return module is not None and module.state is ModuleState.LOADED
