"""Who reconciler and executor work with, as protocols; only type checkers import them.

The real ones stand in the composition.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping
from typing import Protocol

from kmodd.core.draft import Evidence, Step
from kmodd.core.memory import Memory
from kmodd.core.resolve import DesiredState
from kmodd.daemon.snapshot import Snapshot
from kmodd.daemon.survey import Findings
from kmodd.events.devices import Presence
from kmodd.events.trigger import Look
from kmodd.intent import Note
from kmodd.model import Catalog, DeviceMatch, ModuleInfo, Report, User
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


class Listener(Protocol):
    """Where device events come from (events.uevents.Uevents)."""

    def listen(self, matches: Iterable[DeviceMatch], ready: Container[DeviceMatch] = ()) -> None:
        """Have events of devices that may fulfil one of ``matches``, and no others.

        ``ready``: those that are not fulfilled before udevd says so.
        """


class Devices(Protocol):
    """Which declared devices are present (events.devices.PresentDevices)."""

    async def update(self, matches: Iterable[DeviceMatch], look: Look) -> Presence:
        """How devices fulfil ``matches`` now."""


class Hints(Protocol):
    """Where hints from single files come from (events.hints.FileHints)."""

    def follow(self, instances: Mapping[ModuleName, int], paths: Iterable[str]) -> None:
        """Tell of writes to the parameters of these instances, and whether ``paths`` come or go."""


class Restrainer(Protocol):
    """What keeps everybody else to what is desired (modprobe_file.ModprobeFile)."""

    evidence: Evidence
    problem: str
    unsettled: bool
    texts: tuple[str, ...] | None

    async def apply(
        self, desired: DesiredState, path: str, *, look: bool, changed: bool, enforce: bool
    ) -> Evidence:
        """Write what is to be written, and prove it; never raises."""


class Attributor(Protocol):
    """Who finds out what uses a module (ports.Loader)."""

    async def users(self, names: Iterable[ModuleName]) -> Mapping[ModuleName, tuple[User, ...]]:
        """What uses each of ``names`` and is no module. Raises LOADER_LOST."""


class Digester(Protocol):
    """Who reads module files (ports.Loader)."""

    async def digests(self, paths: Iterable[str]) -> Mapping[str, str]:
        """Digest of each file that can be read. Raises LOADER_LOST."""
