"""The daemon's inside on a simulated kernel: real survey, executor, trigger and store; no udev, no bus."""

import asyncio
from collections.abc import Callable, Container, Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from kmodd.config.compile import compile_catalog
from kmodd.daemon.checkpoint_file import CheckpointFile
from kmodd.daemon.checkpoints import Checkpoints
from kmodd.daemon.enforcement import Enforcement
from kmodd.daemon.examiner import Examiner
from kmodd.daemon.executor import Executor
from kmodd.daemon.facade import Facade
from kmodd.daemon.initramfs import InitramfsCopies
from kmodd.daemon.inventory import Inventory
from kmodd.daemon.modprobe_file import ModprobeFile
from kmodd.daemon.override_files import OverrideFiles
from kmodd.daemon.overrides import Overrides
from kmodd.daemon.planner import Planner
from kmodd.daemon.reconciler import Reconciler
from kmodd.daemon.snapshot import Snapshot
from kmodd.daemon.store import MemoryStore
from kmodd.daemon.survey import Survey
from kmodd.daemon.touched import TouchedModules
from kmodd.daemon.turns import Turns
from kmodd.daemon.witness import Witness
from kmodd.errors import ErrorKind, Kind, KmoddError
from kmodd.events.devices import Presence
from kmodd.events.trigger import Look, TokenBucket, Trigger
from kmodd.kernel.roots import Roots
from kmodd.model import Catalog, Declaration, Desired, DeviceMatch, Parameter, Settings, When
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState, ModuleStatus, OutcomeRow
from tests.support.clock import run, settle
from tests.support.config_tree import config_paths
from tests.support.guarded import at_once, simulated_guard
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated import SimulatedLoader
from tests.support.simulated_kernel import SimulatedKernel, SimulatedModule, module

CONFIG = Look(config=True)
MODULES = Look(modules=frozenset((ModuleName("any"),)))
TREE = (
    module("base"),
    module("upper", "base"),
    module("other"),
    module("dummy", numdummies=KernelParameter(mode=0), level=KernelParameter()),
    module("serial"),
    module("core", builtin=True),
)

Scenario = Callable[["SimulatedDaemon"], Coroutine[Any, Any, None]]


class StubDevices:
    """Devices as a test puts them there, and what was listened to."""

    def __init__(self) -> None:
        self.present: set[DeviceMatch] = set()
        self.listened: frozenset[DeviceMatch] = frozenset()
        self.seen: frozenset[DeviceMatch] = frozenset()
        self.asked: frozenset[DeviceMatch] = frozenset()

    def listen(self, matches: Iterable[DeviceMatch], ready: Container[DeviceMatch] = ()) -> None:
        """Remember what the survey wants to hear of."""
        del ready
        self.listened = frozenset(matches)

    async def update(self, matches: Iterable[DeviceMatch], look: Look) -> Presence:
        """Those that a test has plugged in."""
        del look
        asked, before = frozenset(matches), self.seen
        present = self.seen = frozenset(self.present) & asked
        plugged = (present - before) & self.asked
        self.asked = asked
        return Presence(present, plugged)


class SimulatedDaemon:
    """Everything from the catalog to the kernel; also the audience of its passes."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        path: Path,
        kernel: SimulatedKernel,
        loader: SimulatedLoader | None = None,
    ) -> None:
        self.kernel = kernel
        self.loader = loader or SimulatedLoader(self.kernel)
        self.devices = StubDevices()
        self.compiler_troubles: list[KmoddError] = []
        self.compiled = 0
        self.files = config_paths(path / "root")
        self.reads_files = False
        """Whether the compiler looks at ``files``; else it says what a test has declared."""
        self.shown: list[Snapshot] = []
        self.finishes: list[tuple[OutcomeRow, ...]] = []
        self.tree = path / "tree"
        self.tree.mkdir(exist_ok=True)
        inventory = Inventory(self.loader, path / "inventory.json", self.tree, ())
        survey = Survey(_roots(path), self.kernel, inventory, self.devices, self.devices)
        self.store = MemoryStore(path / "loads.json")
        self.trigger = Trigger(0.1, TokenBucket(rate_hz=1e6, burst=1_000_000))
        enforcement, turns = Enforcement(path / "paused"), Turns(group)
        self.override_files = OverrideFiles(self.files)
        self.checkpoints = Checkpoints(
            CheckpointFile(path),
            self.override_files,
            enforcement,
            self.store,
            TouchedModules(self.store, self.kernel, self.loader),
            self.trigger,
            turns,
        )
        performer = Witness(self.loader, self.checkpoints.note)
        self.guard = simulated_guard(path, self.store, self.kernel, self.loader, self._changed)
        examiner = partial(Examiner, self.loader, self.kernel, self.store, self.guard)
        executor = Executor(group, performer, self.kernel, self.store, self.guard, examiner, self._changed)
        self._executor = executor
        self.modprobe_file = path / "00-kmodd.conf"
        self.loader.modprobe_file = str(self.modprobe_file)
        self.catalog = Catalog(settings=Settings(modprobe_file=str(self.modprobe_file)))
        restrainer = ModprobeFile(self.loader, path / "modprobe-file", at_once)
        copies = InitramfsCopies(path / "initramfs", self.kernel.release())
        planner = Planner(self.store, restrainer, self.loader, copies)
        self.reconciler = Reconciler(
            lambda: self.checkpoints.compiled(self._compile),
            survey,
            self.store,
            executor,
            planner,
            self.guard,
            self.trigger,
            self,
            enforcement,
            self.checkpoints,
        )
        self.overrides = Overrides(self.override_files, self.reconciler.recompile)
        self.facade = Facade(
            self.reconciler, self.guard, self.loader, turns, self.overrides, self.checkpoints
        )
        self.checkpoints.start(lambda: executor.replace(()))
        self._task = group.create_task(self.reconciler.run())

    async def _compile(self) -> Catalog:
        self.compiled += 1
        if self.compiler_troubles:
            raise self.compiler_troubles.pop(0)
        if self.reads_files:
            return compile_catalog(self.files)._replace(settings=self.catalog.settings)
        return self.catalog

    def _changed(self) -> None:
        self.trigger.notify(Look(retry=True), gather=not self._executor.idle)

    def show(self, snapshot: Snapshot) -> None:
        """Keep what would be shown."""
        self.shown.append(snapshot)

    def finished(self, rows: tuple[OutcomeRow, ...]) -> None:
        """Keep what would be signalled."""
        self.finishes.append(rows)

    def stop(self) -> None:
        """End the passes; what hangs goes on to its end."""
        self._task.cancel()
        for task in asyncio.all_tasks():
            if task.get_name() == "change":  # calls that wait for a pass
                task.cancel()
        for gate in self.loader.gates.values():
            gate.set()

    def declare(self, *declarations: Declaration) -> None:
        """Files that say this; a look has to follow."""
        self.catalog = self.catalog._replace(key=repr(declarations), declarations=declarations)

    async def look(self, look: Look) -> None:
        """An event that says ``look``, and all that comes of it within a second."""
        self.trigger.notify(look)
        await self.second()

    async def until(self, happened: Callable[[], bool], most_s: float = 3600.0) -> None:
        """Let time pass, in small steps, until something has happened."""
        loop = asyncio.get_running_loop()
        end = loop.time() + most_s
        while not happened():
            assert loop.time() < end, "it did not happen"
            await asyncio.sleep(0.05)
            await settle()

    async def second(self) -> None:
        """Let a second pass."""
        await asyncio.sleep(1.0)
        await settle()

    @property
    def snapshot(self) -> Snapshot:
        """The last pass."""
        return self.reconciler.snapshot

    def state(self) -> DaemonState:
        """State of the daemon."""
        return self.snapshot.state

    def status(self, name: str) -> ModuleStatus:
        """Status of one module."""
        return self.snapshot.statuses[ModuleName(name)]

    def conditions(self) -> dict[str, Condition]:
        """Condition of every managed module."""
        return {name: status.condition for name, status in self.snapshot.statuses.items()}


def _roots(path: Path) -> Roots:
    """A /proc with as much as conditions ask for."""
    proc = path / "proc"
    (proc / "sys/kernel").mkdir(parents=True, exist_ok=True)
    (proc / "sys/kernel/osrelease").write_text("6.12.0-simulated\n")
    (proc / "cmdline").write_text("quiet\n")
    return Roots(proc=str(proc), sys=str(path / "sys"))


def play(
    path: Path,
    scenario: Scenario,
    modules: Iterable[SimulatedModule] = TREE,
    kernel: SimulatedKernel | None = None,
) -> None:
    """Run a scenario in a daemon of its own, whose files lie in ``path``; it ends as if it were killed.

    With a ``kernel`` that another daemon had, it is the next one of the same boot.
    """

    async def whole() -> None:
        async with asyncio.TaskGroup() as group:
            daemon = SimulatedDaemon(group, path, kernel or SimulatedKernel(modules))
            await scenario(daemon)
            daemon.stop()

    run(whole)


def declare(name: str, state: Desired = Desired.LOADED, *needs: str, when: When | None = None) -> Declaration:
    requires = tuple(map(ModuleName, needs))
    return Declaration(ModuleName(name), state, requires=requires, when=when or When())


def with_parameters(name: str, **parameters: str) -> Declaration:
    given = tuple(Parameter(key, value) for key, value in parameters.items())
    return Declaration(ModuleName(name), parameters=given)


def lost(kind: Kind = ErrorKind.COMPILER_LOST) -> KmoddError:
    return KmoddError(kind, f"{kind.code} for a test")
