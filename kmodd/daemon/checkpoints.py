"""Checkpoints: change with a net. Without Commit in time all is taken back, also if kmodd died meanwhile.

A rollback is a state, not a routine: while it lasts each pass takes the steps of core/way_back.py in place of
its plan's, until there are none left. So nothing waits for what hangs, and a kmodd goes on where one died.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable

from kmodd.core.checkpoint import noted_back, settled
from kmodd.core.draft import Step
from kmodd.core.memory import Retry
from kmodd.daemon.checkpoint_file import CheckpointFile, Held, Kept
from kmodd.daemon.clock import now_us
from kmodd.daemon.enforcement import Enforcement
from kmodd.daemon.holding import Holding, declaring, left_over
from kmodd.daemon.log import fields
from kmodd.daemon.message_id import MessageId
from kmodd.daemon.override_files import OverrideFiles
from kmodd.daemon.store import MemoryStore
from kmodd.daemon.survey import Findings
from kmodd.daemon.touched import TouchedModules
from kmodd.daemon.turns import Turns
from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.trigger import EVERYTHING, Look, Trigger
from kmodd.model import Catalog, Request
from kmodd.names import ModuleName, printable

LONGEST_S = 86_400
PATIENCE_S = 10.0
"""How long a rollback waits for what comes or goes without an action of this process."""
LOOK_AGAIN_S = 1.0

_log = logging.getLogger(__name__)


class Checkpoints:
    """The one checkpoint that can be open, and the way back from it. Whoever calls has his turn."""

    def __init__(
        self,
        file: CheckpointFile,
        overrides: OverrideFiles,
        enforcement: Enforcement,
        store: MemoryStore,
        modules: TouchedModules,
        trigger: Trigger,
        turns: Turns,
    ) -> None:
        self._file = file
        self._overrides = overrides
        self._enforcement = enforcement
        self._store = store
        self._modules = modules
        self._trigger = trigger
        self._turns = turns
        self.holding = Holding(file)
        self._kept: Kept | None = None
        self._catalog = Catalog()
        self._compiled: Catalog | None = None
        """What the files came to when they were last compiled."""
        self._back: asyncio.Future[tuple[str, ...]] | None = None
        self._is_changed = False
        """Whether the files have said anything else since: what they said before is done after it too."""
        self._is_current = False
        """Whether the catalog of the checkpoint has come to be in force since the rollback began."""
        self._began_s = 0.0
        self._noted: set[ModuleName] = set()
        """What was begun by this process and has not been seen to be over."""
        self._failed: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._drop: Callable[[], None] = lambda: None

    def start(self, drop: Callable[[], None]) -> None:
        """Go on with what there was: a timer after an end in good order, else the way back. Never raises.

        ``drop``: gives up what is planned and has not begun.
        """
        self._drop = drop
        self.holding.restore()
        try:
            found = self._file.read()
        except ValueError as damage:
            marks = fields(MessageId.ROLLED_BACK)
            _log.error("what is kept of a checkpoint is damaged, and given up: %s", damage, extra=marks)
            self._try(self._file.remove)
            self._try(self._overrides.end_trial)
            return
        if found is None:
            return
        kept, self._catalog = found
        if kept.stopped and not kept.rolling_back and now_us() < kept.deadline_us:
            self._keep(kept._replace(stopped=False))
            self._set_timer(kept)
            return
        self._begin(kept, "its time ran out" if kept.stopped else "kmodd ended without a word")
        self._turns.begin(self._until_back)

    def stopped(self) -> None:
        """kmodd ends in good order: the next one goes on with the timer."""
        if self._kept is not None:
            self._keep(self._kept._replace(stopped=True))

    def check(self, timeout_s: int) -> None:
        """Raises INVALID_ARGUMENT and BUSY as ``create`` would."""
        if not 1 <= timeout_s <= LONGEST_S:
            message = f"a checkpoint cannot last {timeout_s} seconds"
            raise KmoddError(ErrorKind.INVALID_ARGUMENT, message, f"1 to {LONGEST_S} are possible")
        if self._kept is not None:
            message = f"there is a checkpoint already: {self._kept.id}"
            raise KmoddError(ErrorKind.BUSY, message, "Commit or Rollback ends it")

    def create(self, timeout_s: int, catalog: Catalog) -> str:
        """Open one, before which ``catalog`` was in force; its id. Raises STATE_NOT_WRITABLE too."""
        self.check(timeout_s)
        deadline_us = now_us() + timeout_s * 1_000_000
        kept = Kept(os.urandom(8).hex(), deadline_us, self._enforcement.paused, self._overrides.kept())
        self._file.create(kept, catalog)
        self._kept, self._catalog, self._is_changed = kept, catalog, False
        self._set_timer(kept)
        _log.info("checkpoint %s: rolled back in %d s unless it is committed", kept.id, timeout_s)
        return kept.id

    async def commit(self, name: str) -> None:
        """What was changed stays. Raises NOT_FOUND, STATE_NOT_WRITABLE (the checkpoint stays open then)."""
        kept = self._named(name)
        self._file.remove()
        self._close()
        _log.info("checkpoint %s is committed", kept.id)

    async def roll_back(self, name: str) -> tuple[str, ...]:
        """Take back everything that kmodd did; a sentence for each thing that cannot be. Raises NOT_FOUND."""
        self._begin(self._named(name), "asked for")
        return await self._until_back()

    def _named(self, name: str) -> Kept:
        if self._kept is None or self._kept.id != name:
            message = f"there is no checkpoint {printable(name[:40])!r}"
            raise KmoddError(ErrorKind.NOT_FOUND, message, "CreateCheckpoint returns the id of one")
        return self._kept

    @property
    def rolling_back(self) -> bool:
        """Whether passes take the way back."""
        return self._back is not None

    @property
    def touched(self) -> frozenset[ModuleName]:
        """Modules that the way back has to know of."""
        return frozenset(self._kept.touched) if self._kept is not None and self.rolling_back else frozenset()

    @property
    def problem(self) -> str:
        """What a rollback has left, in a sentence; "" for nothing."""
        return self.holding.problem

    async def compiled(self, compile_files: Callable[[], Awaitable[Catalog]]) -> Catalog:
        """What is in force when the files are as they are now. Raises as ``compile_files`` does."""
        if self._back is None:
            self._compiled = await compile_files()
            catalog = self.holding.in_force(self._compiled)
            self._is_changed |= catalog.declarations != self._catalog.declarations
            return catalog
        try:
            self._compiled = await compile_files()
        except KmoddError as error:  # the way back needs no compiler, and may be wanted because of it
            _log.error("%s", error)
        self._is_current = True
        return declaring(self._compiled or self._catalog, self._catalog)

    async def way_back(
        self, findings: Findings, why_not: str, idle: Callable[[], bool]
    ) -> tuple[Step, ...] | None:
        """Steps in the place of the plan's while a rollback lasts, else None.

        ``why_not``: who forbids kmodd to change anything; then nothing is taken back, and that is said.
        ``idle``: whether nothing is being done.
        """
        self._settle()
        if self._kept is None or self._back is None:
            return None
        if not self._is_current:
            return ()
        if why_not:
            self._end((f"kmodd only reports: {why_not}",) if self._kept.touched else ())
            return ()
        asks = self._modules.round(self._kept.touched, findings).asks
        users = await self._modules.users(asks) if asks else {}
        next_round = self._modules.round(self._kept.touched, findings, users)
        if not next_round.steps and idle():
            loop = asyncio.get_running_loop()
            if next_round.moving and loop.time() < self._began_s + PATIENCE_S:
                loop.call_later(LOOK_AGAIN_S, self._trigger.notify, Look(retry=True))
            else:
                self._end(next_round.left)
            return ()
        self._kept = self._kept._replace(touched=next_round.touched)
        return next_round.steps

    def note(self, request: Request) -> None:
        """``request`` is about to be carried out. Raises STATE_NOT_WRITABLE where that cannot be kept."""
        kept, name = self._kept, request.module
        if kept is None:
            return
        before = kept.touched.get(name)
        if before is None and not (self._is_changed or kept.paused):
            return
        is_back = self._back is not None and before is not None
        after = noted_back(before, request) if is_back and before else self._modules.note(before, request)
        if after == before:
            return
        self._noted.add(name)
        kept = kept._replace(touched={**kept.touched, name: after})
        if is_back:
            self._keep(kept)
        else:
            self._file.write(kept)
            self._kept = kept

    def _begin(self, kept: Kept, why: str) -> None:
        """From the next pass on the way back is taken; overrides, trial and pause go back at once."""
        _log.warning("checkpoint %s is rolled back: %s", kept.id, why, extra=fields(MessageId.ROLLED_BACK))
        self._stop_timer()
        fresh = {name: before._replace(tries=0) for name, before in kept.touched.items()}
        self._keep(kept._replace(rolling_back=True, touched=fresh))
        self._settle()
        self._failed = []
        self._try(lambda: self._overrides.restore(kept.overrides))
        self._try(self._overrides.end_trial)
        self._try(lambda: self._enforcement.pause(paused=kept.paused))
        self._store.forget_failures(frozenset(Retry), frozenset(kept.touched))
        loop = asyncio.get_running_loop()
        self._back, self._is_current, self._began_s = loop.create_future(), False, loop.time()
        self._drop()
        self._trigger.notify(EVERYTHING)

    def _settle(self) -> None:
        """What is over is in the store's records: nothing is unknown about it any more."""
        over = {name for name in self._noted if name not in self._store.busy}
        self._noted -= over
        if self._kept is not None and over:
            touched = self._kept.touched
            here = self._modules.present()
            known = {n: settled(touched[n], is_in=n in here) for n in over & touched.keys()}
            self._keep(self._kept._replace(touched={**touched, **known}))

    def _try(self, restore: Callable[[], None]) -> None:
        try:
            restore()
        except KmoddError as error:
            self._failed.append(str(error))

    def _end(self, left: tuple[str, ...]) -> None:
        """There is nothing more to be taken back; what the files say against it is not in force."""
        left, name = (*self._failed, *left), self._kept.id if self._kept else ""
        self.holding.hold(Held(self._catalog, self._compiled, left))
        self._try(self._file.remove)
        what = left_over(left) if left else "everything that kmodd did is taken back"
        marks = fields(MessageId.ROLLED_BACK)
        _log.warning("checkpoint %s was rolled back: %s", name, what, extra=marks)
        self._store.forget_successes()
        if self._back is not None and not self._back.done():
            self._back.set_result(left)
        self._close()
        self._trigger.notify(Look(config=True, retry=True))

    async def _until_back(self) -> tuple[str, ...]:
        """What could not be taken back."""
        return await self._back if self._back is not None else ()

    def _close(self) -> None:
        self._stop_timer()
        self._kept, self._back = None, None

    def _keep(self, kept: Kept) -> None:
        """Where it cannot be written, the next kmodd finds what was written before, and goes back as well."""
        self._kept = kept
        try:
            self._file.write(kept)
        except KmoddError as error:
            _log.error("%s", error)

    def _set_timer(self, kept: Kept) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(kept.deadline_us / 1e6, self._time_is_up, kept.id)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self, name: str) -> None:
        async def expire() -> None:
            if self._kept is not None and self._kept.id == name:  # not committed while it waited for its turn
                self._begin(self._kept, "its time ran out")
                await self._until_back()

        self._turns.begin(expire)
