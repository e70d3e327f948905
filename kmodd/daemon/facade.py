"""What the bus sees of the daemon (``bus.interfaces.Manager``): the last snapshot, or the reconciler."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kmodd import __version__
from kmodd.config.override_text import override_text
from kmodd.daemon.checkpoints import Checkpoints
from kmodd.daemon.crash_guard import CrashGuard
from kmodd.daemon.holding import left_over
from kmodd.daemon.overrides import Overrides
from kmodd.daemon.reconciler import Reconciler
from kmodd.daemon.shared import Shared
from kmodd.daemon.turns import Turns
from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.trigger import Look
from kmodd.model import Security, Symbols
from kmodd.names import ModuleName
from kmodd.shown import (
    ActionRow,
    DaemonState,
    Initramfs,
    Issue,
    Location,
    ModuleStatus,
    OutcomeRow,
    Severity,
    Source,
)

if TYPE_CHECKING:
    from kmodd.kernel.ports import Loader


class Facade:
    """Nothing is kept here: every answer comes from the reconciler, most of them from its snapshot."""

    version = __version__

    def __init__(
        self,
        reconciler: Reconciler,
        guard: CrashGuard,
        loader: Loader,
        turns: Turns,
        overrides: Overrides,
        checkpoints: Checkpoints,
    ) -> None:
        self._reconciler = reconciler
        self._guard = guard
        self._loader = loader
        self._turns = turns
        self._overrides = overrides
        self._checkpoints = checkpoints
        # One child at a time, whoever asks.
        self._reading = asyncio.Lock()
        # Everybody may ask for a plan, and passes wait for the survey of each.
        self._plan = Shared(reconciler.plan)

    @property
    def generation(self) -> int:
        """Number of the compiled files in force."""
        return self._reconciler.snapshot.generation

    @property
    def state(self) -> DaemonState:
        """State of the daemon."""
        return self._reconciler.snapshot.state

    @property
    def converged(self) -> bool:
        """Whether the kernel stands as desired."""
        return self._reconciler.snapshot.converged

    @property
    def paused(self) -> bool:
        """Whether enforcement is stopped."""
        return self._reconciler.snapshot.paused

    @property
    def kernel_release(self) -> str:
        """Release of the running kernel."""
        return self._reconciler.kernel_release

    @property
    def config_issues(self) -> tuple[Issue, ...]:
        """What is wrong with the files; then what keeps kmodd as a whole from its work, if anything does."""
        snapshot = self._reconciler.snapshot
        if not snapshot.problem:
            return snapshot.issues
        trouble = Issue(Severity.ERROR, "trouble", snapshot.problem, "", Location(""))
        return (*snapshot.issues, trouble)

    async def reload(self) -> int:
        """Compile the files again; the generation. Raises INVALID_CONFIG with every message."""
        self._checkpoints.holding.let_go()
        return await self._reconciler.reload()

    async def reconcile(self) -> tuple[OutcomeRow, ...]:
        """One whole pass, carried out."""
        return await self._reconciler.reconcile()

    async def plan(self) -> tuple[ActionRow, ...]:
        """What reconcile() would do now."""
        return tuple(step.row for step in (await self._plan.ask()).steps)

    async def release(self, name: ModuleName) -> None:
        """End a module's quarantine, and act on that. Raises NOT_FOUND, BUSY, STATE_NOT_WRITABLE."""

        async def release() -> None:
            await self._guard.release(name)
            await self._reconciler.look_again(Look(full=True))

        await self._turns.take(release)

    def modules(self) -> Mapping[ModuleName, ModuleStatus]:
        """Every module that has an object."""
        return self._reconciler.snapshot.statuses

    async def get_module(self, name: ModuleName) -> ModuleStatus:
        """Status of a managed or present module, with what its file says. Raises NOT_FOUND."""
        if name in self.modules():
            await self._inform(name)
        status = self.modules().get(name) or await self._reconciler.include(name)
        if status is None:
            raise KmoddError(
                ErrorKind.NOT_FOUND,
                f"module {name} is neither managed nor in the kernel",
                "a file has to name it, or somebody has to load it",
            )
        return status

    async def _inform(self, name: ModuleName) -> None:
        """A courtesy: without the file the status says what it said."""
        with contextlib.suppress(KmoddError):
            await self._reconciler.inform(name)

    async def set_override(self, name: ModuleName, values: Mapping[str, object]) -> None:
        """Want this of a module until the next boot. Raises INVALID_ARGUMENT, INVALID_CONFIG."""
        text = override_text(name, values)
        await self._turns.take(lambda: self._set_override(name, text))

    async def _set_override(self, name: ModuleName, text: str) -> None:
        self._checkpoints.holding.refuse()
        await self._overrides.set(name, text)

    async def clear_override(self, name: ModuleName) -> None:
        """Want it no more. Raises NOT_FOUND."""
        await self._turns.take(lambda: self._clear_override(name))

    async def _clear_override(self, name: ModuleName) -> None:
        self._checkpoints.holding.refuse()
        await self._overrides.clear(name)

    async def retry(self, name: ModuleName) -> None:
        """Try a module again now. Raises NOT_FOUND."""
        await self._turns.take(lambda: self._reconciler.retry(name))

    async def pause(self, *, paused: bool) -> None:
        """Stop enforcement, or go on with it. Raises STATE_NOT_WRITABLE."""
        await self._turns.take(lambda: self._reconciler.pause(paused=paused))

    async def create_checkpoint(self, timeout_s: int) -> str:
        """Take everything back after a while, unless it is committed. Raises INVALID_ARGUMENT, BUSY."""
        return await self._turns.take(lambda: self._create_checkpoint(timeout_s))

    async def _create_checkpoint(self, timeout_s: int) -> str:
        self._checkpoints.check(timeout_s)
        # What the files say by now is what there was before.
        return self._checkpoints.create(timeout_s, await self._reconciler.recompile())

    async def commit(self, checkpoint: str) -> None:
        """Keep what was changed. Raises NOT_FOUND."""
        await self._turns.take(lambda: self._checkpoints.commit(checkpoint))

    async def roll_back(self, checkpoint: str) -> None:
        """Take everything back now. Raises NOT_FOUND, and IN_USE with what cannot be taken back."""
        await self._turns.take(lambda: self._roll_back(checkpoint))

    async def _roll_back(self, checkpoint: str) -> None:
        left = await self._checkpoints.roll_back(checkpoint)
        await self._reconciler.look_again(Look(retry=True))  # what is shown has come back too
        if left:
            raise KmoddError(ErrorKind.IN_USE, left_over(left), "the rest was taken back")

    async def symbols(self, name: ModuleName) -> Symbols:
        """Symbols of a module's file. Raises NOT_FOUND, NO_MODULE_TREE, NO_LIBKMOD, LOADER_LOST."""
        async with self._reading:
            return await self._loader.symbols(name)

    @property
    def enforcing(self) -> bool:
        """Whether settings and kernel command line let kmodd change anything."""
        return self._reconciler.snapshot.enforcing

    @property
    def initramfs(self) -> Initramfs:
        """How the copies of the generated files in the initramfs of the running kernel stand."""
        return self._reconciler.snapshot.initramfs.state

    @property
    def security(self) -> Security:
        """What the kernel permits at all."""
        return self._reconciler.snapshot.security

    def explain(self, name: ModuleName) -> tuple[Source, ...]:
        """Provenance of a managed module. Raises NOT_FOUND."""
        status = self.modules().get(name)
        if status is None or not (status.desired or status.sources):
            raise KmoddError(
                ErrorKind.NOT_FOUND, f"no file names module {name}", "ListModules shows the managed ones"
            )
        return status.sources
