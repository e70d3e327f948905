"""Who reconciler and executor work with, as protocols: the real ones stand in the composition."""

from collections.abc import Callable, Collection, Container
from typing import Protocol

from kmodd.core.draft import Step
from kmodd.core.memory import Memory
from kmodd.daemon.snapshot import Snapshot
from kmodd.daemon.survey import Findings
from kmodd.events.trigger import Look
from kmodd.intent import Note
from kmodd.model import Catalog, ModuleInfo, Report
from kmodd.names import ModuleName
from kmodd.shown import OutcomeRow


class Guard(Protocol):
    """Who has every change written down before it is begun (crash_guard.CrashGuard)."""

    def note(self, step: Step) -> Note:
        """What the child of a step needs to write it down."""

    def ended(self, step: Step, report: Report, *, crashed: bool) -> None:
        """The child of a step is over, or the loader is."""

    async def keep_closed(self) -> None:
        """Have it on the disk what has ended."""


class Surveyor(Protocol):
    """What reads the world for a pass (survey.Survey)."""

    async def look(
        self,
        catalog: Catalog,
        look: Look,
        memory: Memory,
        busy: Container[ModuleName],
        included: Collection[ModuleName] = (),
    ) -> Findings:
        """Read what ``look`` hints at, and the kernel always; ``included`` modules in detail too.

        Parameters of what is ``busy`` when they would be read are not.
        """

    def present(self) -> Container[ModuleName]:
        """Modules in the kernel."""

    async def inform(self, name: ModuleName) -> ModuleInfo:
        """What the module's file says too."""


class Audience(Protocol):
    """Who is told what a pass came to."""

    def show(self, snapshot: Snapshot) -> None:
        """The state after a pass."""

    def finished(self, rows: tuple[OutcomeRow, ...]) -> None:
        """A plan has been carried out; never empty."""


class Net(Protocol):
    """The way back from a checkpoint (checkpoints.Checkpoints)."""

    @property
    def touched(self) -> frozenset[ModuleName]:
        """Modules that the way back has to know of."""

    @property
    def rolling_back(self) -> bool:
        """Whether passes take the way back."""

    @property
    def problem(self) -> str:
        """What a rollback has left, in a sentence; "" for nothing."""

    async def way_back(
        self, findings: Findings, why_not: str, idle: Callable[[], bool]
    ) -> tuple[Step, ...] | None:
        """Steps in the place of the plan's while a rollback lasts, else None."""
