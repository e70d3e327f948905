"""What came of an action: read back, and if it failed, what can be found out around it.

All of that is read anew: a pass may be older than the failure.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from kmodd.action import ActionKind
from kmodd.core.diagnose import Known
from kmodd.core.draft import Step
from kmodd.core.judgement import crashed, judge_load, judge_unload, judge_write
from kmodd.core.kernel_lines import ignored
from kmodd.core.load_failure import EXAMINED
from kmodd.core.memory import Attempt, LoadRecord
from kmodd.core.parameters import shown_of
from kmodd.core.permission import FORBIDDEN
from kmodd.daemon.chance import chance
from kmodd.daemon.clock import now_us
from kmodd.daemon.store import MemoryStore
from kmodd.errors import KmoddError
from kmodd.model import LoadRequest, ObservedModule, Report
from kmodd.names import ModuleName
from kmodd.shown import ModuleState, Outcome, Stage

if TYPE_CHECKING:
    from kmodd.daemon.roles import Guard
    from kmodd.kernel.ports import KernelReader, Loader

_log = logging.getLogger(__name__)


class Examiner:
    """Looks after an action, as far as its report calls for it."""

    def __init__(self, loader: Loader, reader: KernelReader, store: MemoryStore, guard: Guard) -> None:
        self._loader = loader
        self._reader = reader
        self._store = store
        self._guard = guard

    async def came_of(
        self, step: Step, report: Report, before: tuple[int, ...]
    ) -> tuple[Outcome, Attempt | None]:
        """What came of ``step``; ``before``: instances of its needs when it began."""
        return self._judge(step, report, before, await self._known(step, report))

    async def _known(self, step: Step, report: Report) -> Known:
        """Facts for ``report`` on ``step``; what cannot be found out is left open."""
        request = step.request
        options = request.options if isinstance(request, LoadRequest) else ""
        known = Known(step.module, options)
        if report.error in FORBIDDEN:
            known = known._replace(security=self._reader.security())
        if not isinstance(request, LoadRequest) or report.error not in EXAMINED:
            return known
        known = known._replace(release=self._reader.release())
        with suppress(KmoddError):
            infos = await self._loader.lookup([step.module], with_modinfo=frozenset((step.module,)))
            known = known._replace(file=infos.get(step.module))
            if known.lines(report.messages).name_symbols:
                symbols = await self._loader.symbols(step.module)
                known = known._replace(symbols=frozenset(name for name, _ in symbols.needed))
        return known

    def _judge(
        self, step: Step, report: Report, before: tuple[int, ...], known: Known
    ) -> tuple[Outcome, Attempt | None]:
        """What came of it, by what the kernel shows now."""
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
        now = tuple(map(self._reader.instance, step.needs))  # another one means that it moved
        moved = before != now or not all(map(_is_live, map(modules.get, step.needs)))
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


def _with_verify(report: Report) -> tuple[Stage, ...]:
    """The stages of a load; the reading back by the daemon is part of the last one."""
    stages = {stage.name: stage.duration_us for stage in report.stages}
    stages["verify"] = stages.get("verify", 0) + now_us() - report.finished_us
    return tuple(Stage(*each) for each in stages.items())


def _is_live(module: ObservedModule | None) -> bool:
    """Whether its symbols can be used; one that is on its way out still has its directory."""
    return module is not None and module.state is ModuleState.LOADED
