"""The composition: who is built from what, which tasks run, what ends them."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from kmodd.bus.signature import prepare
from kmodd.config.compiler import load_catalog
from kmodd.daemon.block_file import BlockFile
from kmodd.daemon.bus_link import BusLink
from kmodd.daemon.checkpoint_file import CheckpointFile
from kmodd.daemon.checkpoints import Checkpoints
from kmodd.daemon.chronicle import Chronicle
from kmodd.daemon.crash_guard import CrashGuard, Surroundings
from kmodd.daemon.enforcement import Enforcement
from kmodd.daemon.executor import Executor
from kmodd.daemon.initramfs import InitramfsCopies
from kmodd.daemon.intent_files import GuardFiles
from kmodd.daemon.inventory import Inventory
from kmodd.daemon.later import import_rest
from kmodd.daemon.modprobe_file import ModprobeFile
from kmodd.daemon.notify import Notifier, watchdog_interval_s
from kmodd.daemon.override_files import OverrideFiles
from kmodd.daemon.places import Places
from kmodd.daemon.planner import Planner
from kmodd.daemon.reconciler import Reconciler
from kmodd.daemon.signals import Signals
from kmodd.daemon.snapshot import Snapshot, needs_somebody, summary
from kmodd.daemon.store import MemoryStore
from kmodd.daemon.survey import Survey
from kmodd.daemon.touched import TouchedModules
from kmodd.daemon.turns import Turns
from kmodd.daemon.witness import Witness
from kmodd.errors import KmoddError
from kmodd.events.devices import PresentDevices
from kmodd.events.files import FileWatcher, Interest
from kmodd.events.hints import FileHints
from kmodd.events.trigger import EVERYTHING, Look, Trigger
from kmodd.events.uevents import Uevents
from kmodd.kernel.client import LoaderClient
from kmodd.kernel.reader import SystemReader
from kmodd.model import Catalog, Settings
from kmodd.shown import OutcomeRow

if TYPE_CHECKING:
    from kmodd.daemon.examiner import Examiner
    from kmodd.daemon.facade import Facade

HEALTHY_AFTER_S = 60.0

_log = logging.getLogger(__name__)


class Stop(Exception):
    """Ends the task group: somebody asked for it, or a single run is over."""

    def __init__(self, status: int = 0) -> None:
        super().__init__(status)
        self.status = status


class Daemon:
    """Everything, built and connected. ``once``: one pass carried out, without bus and events.

    Raises NO_MODULE_SUPPORT.
    """

    def __init__(self, group: asyncio.TaskGroup, places: Places, loader: LoaderClient, *, once: bool) -> None:
        self._group = group
        self._places = places
        self._once = once
        self._notifier = Notifier.from_environment(os.environ)
        self._shown = False
        self._ready = False
        self._told = ""
        self._chronicle = Chronicle()
        self._stopping = asyncio.Event()
        self._hung_up = asyncio.Event()
        self._watcher: FileWatcher | None = None
        self._signals: Signals | None = None
        runtime = places.config.runtime_dir
        self._trigger = Trigger(Settings().event_quiet_time_s)
        reader = SystemReader(places.roots)
        reader.modules(())  # before all else, so that a machine without them, or without /proc, is told so
        self._tree = places.modules / reader.release()
        inventory = Inventory(loader, runtime / "inventory.json", self._tree, places.modprobe_dirs)
        self._loader = loader
        devices = PresentDevices()
        store = MemoryStore(runtime / "loads.json")
        self._uevents = Uevents(self._trigger.notify, known=devices.knows, busy=store.is_busy)
        hints = FileHints(self._trigger.notify, places.roots.sys)
        self._hints = hints
        survey = Survey(places.roots, reader, inventory, self._uevents, devices, hints)
        enforcement, turns = Enforcement(runtime / "paused"), Turns(group)
        self._override_files = OverrideFiles(places.config)
        self._checkpoints = Checkpoints(
            CheckpointFile(runtime),
            self._override_files,
            enforcement,
            store,
            TouchedModules(store, reader, loader),
            self._trigger,
            turns,
        )
        performer = Witness(loader, self._checkpoints.note)
        guard = self._guard = _crash_guard(places, store, reader, loader, self._executor_changed)
        examiner = partial(_examiner, loader, reader, store, guard)
        self._executor = Executor(group, performer, reader, store, guard, examiner, self._executor_changed)
        restrainer = ModprobeFile(loader, places.config.state_dir / "modprobe-file")
        copies = InitramfsCopies(places.initramfs, reader.release())
        planner = Planner(store, restrainer, loader, copies)
        self.reconciler = Reconciler(
            self._compile,
            survey,
            store,
            self._executor,
            planner,
            self._guard,
            self._trigger,
            self,
            enforcement,
            self._checkpoints,
        )
        self.reconciler.kernel_release = reader.release()
        self._bus = BusLink(places.bus, partial(self._facade, turns))

    def start(self) -> None:
        """Start every task; returns at once. Raises FAILED: no inotify; STATE_NOT_WRITABLE."""
        self._override_files.recover()
        self._checkpoints.start(lambda: self._executor.replace(()))
        stop = self._stopping.set
        self._signals = Signals({signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: self._hung_up.set})
        if not self._once:
            # Before the first pass, so that it sees whatever no watch has told of.
            self._watcher = self._watch_files()
        self._group.create_task(self._until_stopped(), name="stop")
        self._group.create_task(self.reconciler.run(), name="reconciler")
        self._group.create_task(self._reload_when_asked(), name="reload")
        if self._once:
            self._group.create_task(self._run_once(), name="once")
            return
        self._group.create_task(self._grow_healthy(), name="health")
        self._group.create_task(self._bus.run(), name="bus")
        self._group.create_task(self._report_bus(), name="ready")
        interval_s = watchdog_interval_s(os.environ, os.getpid())
        if interval_s:
            self._group.create_task(self._feed_watchdog(interval_s), name="watchdog")

    def close(self) -> None:
        """Let go of what the loop watches."""
        self._guard.close()
        if self._watcher is not None:
            self._watcher.close()
        self._hints.close()
        self._uevents.close()
        if self._signals is not None:
            self._signals.close()

    def show(self, snapshot: Snapshot) -> None:
        """A pass is over: tell the service manager and the bus."""
        self._chronicle.tell(snapshot)
        self._shown = True
        # Before the bus: what it has to announce of hundreds of modules is an eighth of what a start takes,
        # and no call is served between the two.
        self._report(summary(snapshot))
        self._bus.show()
        # Not before what this pass has begun asks for its children.
        expect = partial(self._loader.expect, soon=snapshot.expecting and not self._once)
        asyncio.get_running_loop().call_soon(expect)

    def finished(self, rows: tuple[OutcomeRow, ...]) -> None:
        """A plan has been carried out: tell the bus."""
        self._bus.finished(rows)

    def _report(self, text: str) -> None:
        """READY=1 once both the first pass is over and the bus has been tried; then what changes."""
        if self._shown and not self._ready and (self._once or self._bus.tried.is_set()):
            self._ready = True
            self._notifier.ready(text)
            if not self._once:
                prepare()
                import_rest()
        elif text != self._told:
            self._notifier.status(text)
        self._told = text

    async def _report_bus(self) -> None:
        await self._bus.tried.wait()
        self._report(summary(self.reconciler.snapshot))
        if self._shown:
            self._bus.show()

    def _facade(self, turns: Turns) -> "Facade":
        from kmodd.daemon.facade import Facade  # noqa: PLC0415  (later.py)
        from kmodd.daemon.overrides import Overrides  # noqa: PLC0415  (later.py)

        overrides = Overrides(self._override_files, self.reconciler.recompile)
        return Facade(self.reconciler, self._guard, self._loader, turns, overrides, self._checkpoints)

    async def _compile(self) -> Catalog:
        paths, prepare_loader = self._places.config, self._loader.prepare
        return await self._checkpoints.compiled(lambda: load_catalog(paths, changed=prepare_loader))

    def _executor_changed(self) -> None:
        self._trigger.notify(Look(retry=True), gather=not self._executor.idle)

    async def _reload_when_asked(self) -> None:
        """SIGHUP is answered by READY=1 when a pass that began after it is over, whatever that came to."""
        while True:
            await self._hung_up.wait()
            self._hung_up.clear()
            self._notifier.reloading()
            with contextlib.suppress(KmoddError):  # the pass has said and shown it
                self._checkpoints.holding.let_go()
                await self.reconciler.look_again(EVERYTHING)
            self._ready = False
            self._report(summary(self.reconciler.snapshot))

    async def _until_stopped(self) -> None:
        await self._stopping.wait()
        self._checkpoints.stopped()
        self._notifier.stopping()
        self._guard.stop()
        raise Stop

    async def _grow_healthy(self) -> None:
        """A boot that kmodd has been at work in for so long is none that it made impossible."""
        await asyncio.sleep(HEALTHY_AFTER_S)
        await self._guard.healthy()

    async def _run_once(self) -> None:
        rows = await self.reconciler.reconcile()
        await self._guard.healthy()
        _log.info("%d actions; %s", len(rows), summary(self.reconciler.snapshot))
        self._checkpoints.stopped()
        # What passes by itself is the service's to wait for; what does not is a failure of this run.
        raise Stop(needs_somebody(self.reconciler.snapshot))

    def _watch_files(self) -> FileWatcher:
        """Hints from the directories whose files decide something. Raises FAILED: no inotify."""
        config = {str(path) for path in self._places.config.layers}
        config.add(str(self._places.config.settings.parent))
        others = {str(self._tree), str(self._places.initramfs), *self._places.modprobe_dirs}
        socket_directory = os.path.dirname(self._places.bus.removeprefix("unix:path="))

        def changed(directories: frozenset[str]) -> None:
            if directories & config:
                self._trigger.notify(Look(config=True))
            if directories & others:
                self._trigger.notify(Look(full=True))
            if socket_directory in directories:
                self._bus.try_now()

        watcher = FileWatcher(changed)
        watcher.want(dict.fromkeys(sorted(config | others | {socket_directory}), Interest.FILES))
        return watcher

    async def _feed_watchdog(self, interval_s: float) -> None:
        """From the loop itself: a loop that stalls is a daemon that is dead."""
        while True:
            self._notifier.watchdog()
            await asyncio.sleep(interval_s)


def _examiner(
    loader: LoaderClient, reader: SystemReader, store: MemoryStore, guard: CrashGuard
) -> "Examiner":
    from kmodd.daemon.examiner import Examiner  # noqa: PLC0415  (later.py)

    return Examiner(loader, reader, store, guard)


def _crash_guard(
    places: Places,
    store: MemoryStore,
    reader: SystemReader,
    loader: LoaderClient,
    changed: Callable[[], None],
) -> CrashGuard:
    return CrashGuard(
        Surroundings(
            GuardFiles(places.config.state_dir),
            BlockFile(places.block_dir),
            store,
            reader,
            loader,
            changed,
            places.roots.proc,
            places.pstore,
        )
    )
