"""A daemon that is killed at a point, and the one that is started after it, in the same boot or the next."""

import asyncio
import logging
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from kmodd.action import ActionKind
from kmodd.daemon.intent_files import GuardFiles
from kmodd.intent import file_name
from kmodd.kernel.proc_stat import start_ticks
from kmodd.model import Declaration, LoadRequest, Request, UnloadRequest
from kmodd.shown import Condition
from tests.support.clock import run
from tests.support.config_tree import config_paths, drop
from tests.support.daemon import CONFIG, SimulatedDaemon
from tests.support.kill_points import KilledKernel, KilledLoader, KillPoints, cancel_when_killed
from tests.support.simulated_kernel import SimulatedModule

_QUIET_S = 40.0
"""Virtual; longer than anything takes here, and shorter than what is tried again after a failure."""
_SURVIVES_A_BOOT = ("state", "tree", "initramfs", "00-kmodd.conf", "zz-kmodd.conf", "pstore")


class Step(NamedTuple):
    """One thing that somebody does, and where kmodd may stand when it is killed meanwhile and started again.

    ``may_be``: like the end of which steps, counted from this one; -1 is as if it had not been done.
    """

    declared: tuple[Declaration, ...] | None = None
    drops: Mapping[str, str] | None = None
    call: Callable[[SimulatedDaemon], Awaitable[object]] | None = None
    wait_s: float = _QUIET_S
    may_be: tuple[int, ...] = (0,)


class Scenario(NamedTuple):
    """``prepare``: what others have done to kernel and files before kmodd starts."""

    name: str
    steps: tuple[Step, ...]
    prepare: Callable[["World"], object] = lambda _: None
    foreign: tuple[str, ...] = ()
    """Modules in the kernel that are no business of kmodd."""
    accused: tuple[str, ...] = ()
    """Modules that an earlier boot went down with."""
    blind: str = ""
    """A module with a parameter that cannot be read: known only to who saw the end of its load."""


class Seen(NamedTuple):
    """Modules in the kernel with their parameters, and the condition of each that is managed."""

    kernel: Mapping[str, Mapping[str, str]]
    conditions: Mapping[str, Condition]


class World:
    """Files and kernel of one machine, with what somebody has declared there by now."""

    def __init__(self, path: Path, scenario: Scenario, modules: Iterable[SimulatedModule]) -> None:
        self.path = path
        self.scenario = scenario
        self.modules = tuple(modules)
        self.kernel = KilledKernel(self.modules)
        self.boots = 1
        self.done = -1
        """Number of the step that was begun last."""
        self.answered = -1
        """Number of the last step whose call came back: what was answered is done, whoever is killed then."""
        self.ends: list[Seen] = []
        """What was seen at the end of each step."""
        (path / "tree").mkdir()
        config_paths(path / "root")
        self._boot_id()
        scenario.prepare(self)

    def drop(self, name: str, text: str) -> None:
        """A file of /etc/kmodd.d."""
        drop(self.path / "root/etc/kmodd.d", name, text)

    def play(self, points: KillPoints) -> None:
        """All of the scenario, or as much as comes before the kill."""
        with watched(self.kernel, points):
            _run(self, points, self._steps)

    async def _steps(self, daemon: SimulatedDaemon) -> None:
        for number, step in enumerate(self.scenario.steps):
            self.done = number
            self.edit()
            self.configure(daemon)
            if step.declared is not None or step.drops is not None:
                daemon.trigger.notify(CONFIG)
            if step.call is not None:
                await step.call(daemon)
                self.answered = number
            await asyncio.sleep(step.wait_s)
            self.ends.append(seen(daemon))

    def edit(self) -> None:
        """Write the files of the step that is begun."""
        for name, text in (self.scenario.steps[self.done].drops or {}).items():
            self.drop(name, text)

    def configure(self, daemon: SimulatedDaemon) -> None:
        """What the files say by now."""
        steps = self.scenario.steps[: max(self.done, 0) + 1]
        declared = [step.declared for step in steps if step.declared is not None]
        daemon.reads_files = any(step.drops is not None for step in self.scenario.steps)
        daemon.declare(*(declared[-1] if declared else ()))

    def finish(self, *, late: bool) -> "Late | None":
        """The children that a killed daemon has left come to their end, now or ``late``."""
        left, self.kernel.open = self.kernel.open, ()
        if not late:
            for request in left:
                self.kernel.end(request)
        return Late(self, left) if late and left else None

    def elsewhere(self, path: Path) -> Self:
        """The same with a copy of the files."""
        self.path = path
        return self

    def boot(self) -> None:
        """The machine starts anew."""
        self.boots += 1
        self.kernel = KilledKernel(self.modules)
        for path in self.path.iterdir():
            if path.name not in (*_SURVIVES_A_BOOT, "root"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(self.path / "root/run", ignore_errors=True)
        self._boot_id()

    @property
    def may_be(self) -> tuple[int, ...]:
        """Numbers of the steps at whose end things may stand."""
        after = (0,) if self.answered == self.done else self.scenario.steps[self.done].may_be
        return tuple(self.done + each for each in after)

    def held(self) -> frozenset[str]:
        """Modules whose quarantine is kept, or is due at the next boot: begun twice, and no end was seen."""
        files = GuardFiles(self.path / "state")
        twice = [intent.module for intent in files.open_intents() if intent.tries > 1]
        return frozenset((*twice, *(each.module for each in files.quarantines())))

    def _boot_id(self) -> None:
        directory = self.path / "proc/sys/kernel/random"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "boot_id").write_text(f"boot-{self.boots}\n")
        (directory.parent / "version").write_text("#1 SMP\n")

    def start_again(self, late: "Late | None" = None) -> "Restarted":
        """The daemon after the one that was killed."""
        log = _Log()
        restarted: list[Restarted] = []

        async def again(daemon: SimulatedDaemon) -> None:
            self.configure(daemon)
            if late is not None:
                await asyncio.sleep(5.0)
                late.end()
            await asyncio.sleep(_QUIET_S)
            restarted.append(Restarted(seen(daemon), log.texts, daemon.facade.converged, _accused(daemon)))

        points = KillPoints()
        with log.listening(), watched(self.kernel, points):
            _run(self, points, again)
        return restarted[0]


class Restarted(NamedTuple):
    """What became of a start after a kill. ``accused``: what the crash guard holds something against."""

    seen: Seen
    log: list[str]
    converged: bool
    accused: tuple[str, ...]


class Late:
    """Children that outlive daemon and loader in the kernel, each a process that the guard can watch."""

    def __init__(self, world: World, left: tuple[Request, ...]) -> None:
        self._kernel = world.kernel
        self._left = left
        self._processes = [
            subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) for _ in left
        ]
        files = GuardFiles(world.path / "state")
        for request, process in zip(left, self._processes, strict=True):
            pid = process.pid
            (world.path / f"proc/{pid}").mkdir()
            (world.path / f"proc/{pid}/stat").write_text(Path(f"/proc/{pid}/stat").read_text())
            intent = files.intent(file_name(_kind(request), request.module))
            if intent is not None:
                files.rewrite(intent._replace(pid=pid, start_ticks=start_ticks(pid)))

    def end(self) -> None:
        """Init and exit return, the processes end."""
        points, self._kernel.points = self._kernel.points, None
        for request in self._left:
            self._kernel.end(request)
        self._kernel.points = points
        for process in self._processes:
            process.communicate()


class _Log(logging.Handler):
    """What kmodd warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    @contextmanager
    def listening(self) -> Iterator[None]:
        logger = logging.getLogger("kmodd")
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)


@contextmanager
def watched(kernel: KilledKernel, points: KillPoints) -> Iterator[None]:
    """Points at files and kernel, for the length of a block."""
    kernel.points = points
    try:
        with points.armed():
            yield
    finally:
        kernel.points = None


def _run(world: World, points: KillPoints, scenario: Callable[[SimulatedDaemon], Awaitable[None]]) -> None:
    """A daemon until the end of the scenario, or until it is killed; what it still says then is nobody's."""

    async def whole() -> None:
        cancel_when_killed(points)
        async with asyncio.TaskGroup() as group:
            daemon = SimulatedDaemon(group, world.path, world.kernel, KilledLoader(world.kernel, points))
            await scenario(daemon)
            daemon.stop()

    try:
        run(whole)
    except BaseException:
        if not points.dead:
            raise


def seen(daemon: SimulatedDaemon) -> Seen:
    """How things stand."""
    kernel = daemon.kernel
    return Seen({name: kernel.values(name) for name in kernel.present()}, daemon.conditions())


def _accused(daemon: SimulatedDaemon) -> tuple[str, ...]:
    memory = daemon.store.memory
    held = [name for name, _ in (*memory.quarantines, *memory.suspects)]
    return tuple(sorted({*held, *memory.crashes}))


def _kind(request: Request) -> ActionKind:
    match request:
        case LoadRequest():
            return ActionKind.LOAD
        case UnloadRequest():
            return ActionKind.UNLOAD
        case _:
            return ActionKind.WRITE
