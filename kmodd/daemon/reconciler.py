"""The pass: compile, survey, plan, hand over to the executor, show. One at a time, level-triggered.

Whatever woke it only says where to look (but for devices that the kernel tells of, events/kernel_device.py);
every pass reads the kernel anew.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from kmodd.core.draft import Plan, only_reported
from kmodd.core.initramfs import tell
from kmodd.core.memory import Memory, Retry, overtaken
from kmodd.core.resolve import with_needs
from kmodd.core.status import converged, daemon_state, informed, unmanaged_status
from kmodd.daemon.clock import now_us
from kmodd.daemon.crash_guard import CrashGuard
from kmodd.daemon.enforcement import Enforcement
from kmodd.daemon.executor import Executor
from kmodd.daemon.kept_statuses import KeptStatuses
from kmodd.daemon.log import fields
from kmodd.daemon.message_id import MessageId
from kmodd.daemon.planner import Planner
from kmodd.daemon.snapshot import Snapshot
from kmodd.daemon.store import MemoryStore
from kmodd.daemon.survey import Findings, default_parallel
from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.trigger import EVERYTHING, NOTHING, Look, Trigger
from kmodd.model import Catalog, Facts, Settings
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState, ModuleStatus, OutcomeRow, Severity

if TYPE_CHECKING:
    from kmodd.daemon.roles import Audience, Net, Surveyor

COMPILER_TRIES = 3
PAUSE_AFTER_PROBLEM_S = 5.0
PAUSE_BEFORE_PROOF_S = 60.0
"""A proof that hangs is given half a minute, and passes wait for it."""
FATAL = frozenset((ErrorKind.NO_MODULE_SUPPORT, ErrorKind.NO_LIBKMOD))
"""Without these nothing can ever be done here, so a start ends with the sentence."""
CONFIG = Look(config=True)
RESYNC = Look(config=True, all_devices=True)
"""All that an event may have failed to tell of; not a wish of somebody's that failures be forgotten."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Reconciler:
    """Owns the daemon's state; everybody else reads ``snapshot``. ``run`` is its only task."""

    def __init__(
        self,
        compile_files: Callable[[], Awaitable[Catalog]],
        survey: Surveyor,
        store: MemoryStore,
        executor: Executor,
        planner: Planner,
        guard: CrashGuard,
        trigger: Trigger,
        audience: Audience,
        enforcement: Enforcement,
        net: Net,
    ) -> None:
        self._compile_files = compile_files
        self._survey = survey
        self._store = store
        self._executor = executor
        self._planner = planner
        self._guard = guard
        self._trigger = trigger
        self._audience = audience
        self._enforcement = enforcement
        self._net = net
        self.snapshot = Snapshot()
        self._statuses = KeptStatuses()
        self.kernel_release = ""
        self._included: set[ModuleName] = set()
        self._surveying = asyncio.Lock()
        self._settled = False
        self._missed = NOTHING
        self._plugged_too_late: frozenset[ModuleName] = frozenset()
        """Under way when a device came: if they find none, that one is tried when they have ended."""
        self._tree_changed = False
        self._resync_at = math.inf
        self._not_compiled: KmoddError | None = None
        self._asked_to_look: list[asyncio.Future[None]] = []
        self._asked_to_finish: list[asyncio.Future[tuple[OutcomeRow, ...]]] = []
        self._to_finish: list[asyncio.Future[tuple[OutcomeRow, ...]]] = []

    async def run(self) -> None:
        """Pass after pass, until cancelled. Raises FATAL errors of the first pass only."""
        self._trigger.notify(EVERYTHING)
        while True:
            look = await self._trigger.wait() | self._missed
            due = self._resync_at <= asyncio.get_running_loop().time()
            await self._pass(look | RESYNC if due else look)

    async def look_again(self, look: Look) -> None:
        """Return when a pass that began after this call has ended, its plan perhaps still under way.

        Raises what kept the pass from being made.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked_to_look.append(future)
        self._trigger.notify(look)
        await future

    async def reload(self) -> int:
        """Compile the files again; the generation. Raises INVALID_CONFIG (all messages), COMPILER_LOST."""
        await self.recompile(EVERYTHING)
        errors = [issue for issue in self.snapshot.issues if issue.severity is Severity.ERROR]
        if errors:
            lines = "\n".join(f"{issue.location}: {issue.message} ({issue.hint})" for issue in errors)
            raise KmoddError(ErrorKind.INVALID_CONFIG, lines)
        return self.snapshot.generation

    async def recompile(self, look: Look = CONFIG) -> Catalog:
        """Compile the files and make a pass; the catalog in force.

        Raises what kept the files from being compiled, and what kept the pass from being made.
        """
        await self.look_again(look)
        if self._not_compiled is not None:
            raise self._not_compiled
        return self.snapshot.catalog

    async def reconcile(self) -> tuple[OutcomeRow, ...]:
        """One full pass, carried out; what came of each action. What is slow is not waited for."""
        future: asyncio.Future[tuple[OutcomeRow, ...]] = asyncio.get_running_loop().create_future()
        self._asked_to_finish.append(future)
        # Who asks wants it done now, however often it has failed or was undone.
        self._store.forget_successes()
        self._store.forget_failures(frozenset((Retry.BACKOFF,)))
        self._trigger.notify(Look(full=True, all_devices=True))
        return await future

    async def retry(self, name: ModuleName) -> None:
        """Try now what failed with a module, or was put off. Raises NOT_FOUND for one that is not managed."""
        status = self.snapshot.statuses.get(name)
        if status is None or status.condition is Condition.NOT_MANAGED:
            raise KmoddError(
                ErrorKind.NOT_FOUND, f"module {name} is not managed", "ListModules shows the managed ones"
            )
        self._store.forget_failures(frozenset(Retry), frozenset((name,)))
        self._store.forget_successes(name)
        await self.look_again(Look(modules=frozenset((name,))))

    async def pause(self, *, paused: bool) -> None:
        """Stop enforcement, or go on with it at once; what has begun goes on to its end.

        Raises STATE_NOT_WRITABLE, and what kept the pass after it from being made.
        """
        self._enforcement.pause(paused=paused)
        if paused:
            self._executor.replace(())
        else:
            await self._guard.end_safe_mode()
        await self.look_again(Look(retry=True))

    async def plan(self) -> Plan:
        """What a pass would do now, from a fresh survey; changes nothing."""
        async with self._surveying:
            # Not before: with a catalog of yesterday the survey would stop listening to today's devices.
            catalog = self.snapshot.catalog
            ends = self._store.ends
            findings = await self._survey.look(catalog, Look(full=True), self._store.memory, self._store.busy)
            # A survey tells of a new device or tree once: what follows from that must not be lost here.
            self._forget(catalog, findings, asked=False)
            self._tree_changed |= findings.tree_changed
            return await self._planner.plan(findings, ends)

    async def include(self, name: ModuleName) -> ModuleStatus | None:
        """Status of a module that no file names; shown while it is in the kernel, None if it is not.

        Raises what keeps its file from being read, and what kept the pass from being made.
        """
        if name not in self._survey.present():
            return None
        async with self._surveying:
            await self._survey.inform(name)  # or say why that cannot be, to who asks, and to nobody else
        self._included.add(name)
        await self.look_again(Look(modules=frozenset((name,))))
        return self.snapshot.statuses.get(name)

    async def inform(self, name: ModuleName) -> None:
        """Have the status of a managed module tell what only its file says; no pass is made for that."""
        async with self._surveying:
            info = await self._survey.inform(name)
            snapshot = self.snapshot
            status = snapshot.statuses.get(name)
            if status is not None:
                facts = Facts(kernel_release=self.kernel_release)
                statuses = {**snapshot.statuses, name: informed(status, info, facts)}
                self.snapshot = snapshot._replace(statuses=statuses)

    async def _pass(self, look: Look) -> None:
        looking, self._asked_to_look = self._asked_to_look, []
        self._to_finish += self._asked_to_finish
        self._asked_to_finish = []
        try:
            await self._reconcile(look)
        except KmoddError as error:
            if error.kind in FATAL and not self.snapshot.generation:
                raise
            self._missed = look
            self._trouble(error)
            _refuse(looking, error)
        else:
            self._missed = NOTHING if self._not_compiled is None else Look(config=True)
            _answer(looking, None)

    async def _reconcile(self, look: Look) -> None:
        catalog = await self._catalog(look)
        await self._guard.prepare(catalog, full=look.full)
        async with self._surveying:
            # A copy: what is asked for from here on is the next pass's.
            included = frozenset(self._included) | self._net.touched
            ends = self._store.ends
            memory, busy = self._store.memory, self._store.busy
            findings = await self._survey.look(catalog, look, memory, busy, included)
            desired = findings.desired
            settled = self._store.look(findings.observed, desired.present, desired.unwanted)
            self._trigger.notify(Look(modules=settled))  # this pass still manages what was only owed
            self._forget(catalog, findings, asked=look.config and look.full and self._not_compiled is None)
            findings = findings._replace(tree_changed=findings.tree_changed or self._tree_changed)
            self._tree_changed = False
            await self._guard.look(findings.infos)
            why_not = self._enforcement.look(
                catalog.settings, findings.desired, self._guard.safe_mode, back=self._net.rolling_back
            )
            await self._planner.restrain(catalog.settings, look, findings, enforce=not why_not)
            plan = await self._planner.plan(findings, ends)
            self._settle(findings, plan)
            self._trigger.quiet_time_s = catalog.settings.event_quiet_time_s
            self._guard.block(frozenset() if why_not else plan.barred)
            back = await self._net.way_back(findings, why_not, lambda: self._executor.idle)
            steps = plan.steps if back is None else back
            if steps:
                self._executor.parallel = catalog.settings.parallel_loads or default_parallel()
            self._executor.replace(() if why_not else steps)
            memory, idle = self._store.memory, self._executor.idle
            if why_not:
                plan = only_reported(plan, self._enforcement.remark)
            if not idle:
                # What has been begun reaches the loader before it is shown: a device waits for its module.
                await asyncio.sleep(0)
            self._settled |= idle
            self._show(catalog, findings, plan, included, memory)
        self._wake(catalog.settings, plan, look)
        if idle and back is None:
            self._finish()

    async def _catalog(self, look: Look) -> Catalog:
        """Compiled again where files may have changed; if that fails, the one before stays in force."""
        if not look.config:
            return self.snapshot.catalog
        try:
            catalog = await self._compiled()
        except KmoddError as error:
            if not self.snapshot.generation:
                raise
            self._not_compiled = error
            return self.snapshot.catalog
        self._not_compiled = None
        return catalog

    async def _compiled(self) -> Catalog:
        """What the compiler makes of the files; a child that is lost is started again. Raises KmoddError."""
        for attempt in range(COMPILER_TRIES):
            try:
                return await self._compile_files()
            except KmoddError as error:
                if error.kind is not ErrorKind.COMPILER_LOST or attempt == COMPILER_TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def _forget(self, catalog: Catalog, findings: Findings, *, asked: bool) -> None:
        """Failures that something new gives another chance."""
        if asked or findings.tree_changed or catalog != self.snapshot.catalog:
            self._store.forget_failures(frozenset(Retry))
            self._store.forget_successes()
        if findings.plugged:
            needed = with_needs(findings.desired, findings.plugged)
            self._store.forget_failures(frozenset((Retry.EVENT,)), needed)
            self._plugged_too_late |= needed
        under_way = frozenset(name for name in self._plugged_too_late if name in self._store.busy)
        self._store.forget_failures(frozenset((Retry.EVENT,)), self._plugged_too_late - under_way)
        self._plugged_too_late = under_way
        self._store.forget_failures(frozenset(Retry), overtaken(self._store.memory, findings.observed))

    def _settle(self, findings: Findings, plan: Plan) -> None:
        """What the plan says about the memory that it was made from."""
        self._store.wait_for(plan.waits, findings.observed, now_us())
        if plan.mended:
            self._store.forget_failures(frozenset(Retry), plan.mended)

    def _show(
        self,
        catalog: Catalog,
        findings: Findings,
        plan: Plan,
        included: frozenset[ModuleName],
        memory: Memory,
    ) -> None:
        """``memory``: as the pass has left it; what has ended since is the next pass's."""
        old = self.snapshot
        offset_us = time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000 - now_us()
        copies = self._planner.copies
        statuses = self._statuses.of(findings.desired, findings.observed, plan, memory, offset_us)
        tell(statuses, copies)
        guard = self._guard.safe_mode or self._guard.problem
        problem = str(self._not_compiled or "") or findings.problem or self._planner.problem or guard
        problem = problem or self._net.problem
        if problem and problem != old.problem:
            _log.error("%s", problem, extra=fields(MessageId.TROUBLE))
        self._included &= findings.observed.keys()
        self._included -= included - findings.infos.keys()
        for name in self._included & included - statuses.keys():
            facts = findings.desired.facts
            statuses[name] = unmanaged_status(findings.infos[name], findings.observed[name], facts)
        # Not by key: a catalog of files that moved while they were compiled has none.
        changed = catalog != old.catalog
        issues = (*catalog.issues, *findings.issues)
        state = daemon_state(issues, statuses, settled=self._settled, paused=self._enforcement.paused)
        self.snapshot = Snapshot(
            catalog=catalog,
            generation=old.generation + (changed or not old.generation),
            state=DaemonState.DEGRADED if problem else state,
            converged=converged(plan, statuses) and not problem,
            problem=problem,
            plan=plan,
            observed=findings.observed,
            statuses=statuses,
            kernel_issues=findings.issues,
            paused=self._enforcement.paused,
            enforcing=self._enforcement.permitted,
            security=findings.security,
            initramfs=copies,
            expecting=findings.desired.awaits_device and not self._enforcement.why_not,
        )
        if old.problem and not problem:
            _log.info("the trouble is over: %s", old.problem, extra=fields(MessageId.TROUBLE_OVER))
        self._audience.show(self.snapshot)

    def _wake(self, settings: Settings, plan: Plan, look: Look) -> None:
        """One timer: the next retry, or the slow resync for what raises no event."""
        now = asyncio.get_running_loop().time()
        times = [plan.wake_at_us / 1e6] if plan.wake_at_us else []
        if look | RESYNC == look or not plan.verdicts:
            self._resync_at = math.inf
        if plan.verdicts:
            self._resync_at = min(self._resync_at, now + settings.resync_interval_s)
            times.append(self._resync_at)
        if self._not_compiled is not None:
            times.append(now + PAUSE_AFTER_PROBLEM_S)
        if self._planner.unsettled:
            times.append(now + PAUSE_BEFORE_PROOF_S)
        self._trigger.wake_at(min(times, default=None))

    def _finish(self) -> None:
        """Nothing more can be done now: say what was done."""
        rows = self._executor.take_rows()
        if rows:
            self._audience.finished(rows)
        _answer(self._to_finish, rows)
        self._to_finish = []

    def _trouble(self, error: KmoddError) -> None:
        """The pass could not be made: say so once, keep what there is, look again after a while."""
        problem = str(error)
        if problem != self.snapshot.problem:
            _log.error("%s", problem, extra=fields(MessageId.TROUBLE))
            self.snapshot = self.snapshot._replace(
                problem=problem, state=DaemonState.DEGRADED, converged=False
            )
            self._audience.show(self.snapshot)
        _refuse(self._to_finish, error)
        self._to_finish = []
        self._trigger.wake_at(asyncio.get_running_loop().time() + PAUSE_AFTER_PROBLEM_S)


def _answer(futures: Iterable[asyncio.Future[T]], result: T) -> None:
    for future in futures:
        if not future.done():
            future.set_result(result)


def _refuse(futures: Iterable[asyncio.Future[T]], error: KmoddError) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
