"""The crash guard: what is not on the disk is not begun, and what crashed is not repeated.

It knows what was begun and not seen to end, in this boot and before it, decides with ``core/crash.py`` what
that means, and tells the plan (``Memory``) and everybody else (the block file). Where the state directory
cannot be written, the setting ``quarantine`` says whether that stops everything or is only said.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from errno import EIO
from typing import TYPE_CHECKING, Final

from kmodd.action import ActionKind
from kmodd.core.crash import UNHEALTHY_BOOTS, Boot, Quarantine, begun, examine
from kmodd.core.crash_guard import options_of
from kmodd.core.draft import Step
from kmodd.core.memory import STUCK, Change, Crash, Flight, Guarded
from kmodd.daemon.block_file import BlockFile
from kmodd.daemon.intent_files import GuardFiles
from kmodd.daemon.log import fields
from kmodd.daemon.message_id import MessageId
from kmodd.daemon.store import MemoryStore
from kmodd.daemon.watched import Watched
from kmodd.errors import ErrorKind, KmoddError
from kmodd.intent import Intent, Note, file_name
from kmodd.kernel.intents import read_boot_id, read_kernel
from kmodd.model import Catalog, ModuleInfo, Report
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName

if TYPE_CHECKING:
    from kmodd.daemon.roles import Digester
    from kmodd.kernel.ports import KernelReader

Runner = Callable[..., Awaitable[None]]

SAFE_MODE: Final = (
    f"the last {UNHEALTHY_BOOTS} boots with these files ended before kmodd had been at work for a while: it "
    "only observes until the files change or enforcement is resumed (Resume)"
)

_log = logging.getLogger(__name__)


class Surroundings(NamedTuple):
    """What the guard asks and tells. ``in_thread`` runs what waits for the disk beside the loop."""

    files: GuardFiles
    block: BlockFile
    store: MemoryStore
    reader: KernelReader
    digester: Digester
    changed: Callable[[], None]
    proc: str = "/proc"
    pstore: tuple[str, ...] = ()
    in_thread: Runner = asyncio.to_thread


class CrashGuard:
    """Knows of open intents and what they mean; what a plan is to know of that is told to the store."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._files = around.files
        self._store = around.store
        self._boot_id = read_boot_id(around.proc)
        self._kernel = read_kernel(around.proc)
        self._watched = Watched(around.proc, self._is_over)
        self._boot = Boot()
        self._begun = False
        self._strict = False
        self._suspects: dict[Change, Intent] = {}
        self._quarantines: dict[Change, Quarantine] = {}
        self._digests: dict[ModuleName, tuple[object, str]] = {}
        self._barred: frozenset[ModuleName] = frozenset()
        self._unwritten = 0
        self._trouble = ""

    # ------------------------------------------------------------------------------- what it knows

    @property
    def safe_mode(self) -> str:
        """Why kmodd may only observe, "" if it may do more."""
        return SAFE_MODE if self._boot.unhealthy >= UNHEALTHY_BOOTS else ""

    @property
    def problem(self) -> str:
        """What keeps the guard from guarding, with what to do; "" for nothing."""
        if self._unwritten:
            return (
                f"what kmodd is about to do cannot be written down first ({os.strerror(self._unwritten)}: "
                f"{self._files.intents}), so a crash could not be told from anything else; make room there"
            )
        return self._trouble

    # -------------------------------------------------------------------------------- for the pass

    async def prepare(self, catalog: Catalog, *, full: bool) -> None:
        """Before a pass: judge the boots before this one, at the first pass only.

        ``full``: whoever has made room wants to hear that now, not when something is next loaded.
        """
        self._strict = catalog.settings.quarantine == "strict"
        if not self._begun:
            await self._begin(catalog.key)
            self._begun = True
        elif self._boot.unhealthy and catalog.key not in ("", self._boot.key):
            await self._keep_boot(self._boot._replace(unhealthy=0, key=catalog.key))
        elif full and self._unwritten:
            await self._write_again()
        self._publish()

    async def look(self, infos: Mapping[ModuleName, ModuleInfo]) -> None:
        """See to it that what it knows of module files is of today. Raises LOADER_LOST."""
        wanted = {module: infos[module].path for module in self._digested() if module in infos}
        stale = {m: path for m, path in wanted.items() if path and self._stamp(path) != self._known(m)}
        if not stale:
            return
        stamps = {module: self._stamp(path) for module, path in stale.items()}
        found = await self._around.digester.digests(stale.values())
        for module, path in stale.items():
            self._digests[module] = (stamps[module], found.get(path, ""))
        self._publish()

    def block(self, barred: frozenset[ModuleName]) -> None:
        """Keep everybody from loading these, and what crashed in this boot."""
        self._barred = barred
        crashed = (n for n, crash in self._store.crashes.items() if crash.kind is not ActionKind.WRITE)
        self._trouble = self._around.block.apply({*barred, *crashed})

    # ---------------------------------------------------------------------------- for the executor

    def note(self, step: Step) -> Note:
        """What the child of a step needs to write it down."""
        suspect = self._suspects.get((step.module, step.kind))
        is_it = suspect is not None and suspect.options == options_of(step) and self._speaks_of(suspect)
        tries = suspect.tries + 1 if suspect is not None and is_it else 1
        return Note(str(self._files.intents), self._boot_id, self._kernel, tries, self._strict)

    def ended(self, step: Step, report: Report, *, crashed: bool) -> None:
        """The child of a step is over, or the loader is."""
        if report.unwritten:
            self._unwritten = report.unwritten
        elif not report.lost:
            self._unwritten = 0
        if crashed:
            self._has_crashed(step.module, step.kind, report.messages)
        elif report.lost and not report.died:
            intent = self._files.intent(file_name(step.kind, step.module))
            if intent is not None:
                self._take_up(intent)
        elif report.begun and report.finished_us:
            self._close((step.module, step.kind))
        self._publish()

    async def keep_closed(self) -> None:
        """Have it on the disk what has ended, so that a power cut from now on accuses nobody."""
        await self._in_thread(self._files.keep_closed)

    # -------------------------------------------------------------------------------- from outside

    async def release(self, module: ModuleName) -> None:
        """Forget what is held against a module. Raises NOT_FOUND, BUSY, STATE_NOT_WRITABLE."""
        held = [change for change in (*self._quarantines, *self._suspects) if change[0] == module]
        crash = self._store.crashes.get(module)
        if crash is not None:
            raise KmoddError(
                ErrorKind.BUSY,
                f"{module} crashed in this boot, and the kernel cannot get rid of it",
                "reboot; it is tried once more then",
            )
        if not held:
            raise KmoddError(ErrorKind.NOT_FOUND, f"module {module} is not quarantined")
        rest = [q for change, q in self._quarantines.items() if change not in held]
        try:
            await self._around.in_thread(self._files.keep_quarantines, rest)
            await self._around.in_thread(self._files.close, [file_name(kind, m) for m, kind in held])
        except OSError as error:
            raise KmoddError(
                ErrorKind.STATE_NOT_WRITABLE, f"it cannot be kept that {module} is released: {error.strerror}"
            ) from error
        for change in held:
            self._quarantines.pop(change, None)
            self._suspects.pop(change, None)
        self._publish()
        _log.warning("%s was released", module, extra=fields(MessageId.RELEASED, module=module))

    async def end_safe_mode(self) -> None:
        """Somebody wants kmodd to go on in spite of all."""
        if self._boot.unhealthy:
            await self._keep_boot(self._boot._replace(unhealthy=0))

    async def healthy(self) -> None:
        """kmodd has been at work for a while: whatever ends this boot is not for its beginning."""
        await self._keep_boot(self._boot._replace(healthy=True))

    def stop(self) -> None:
        """kmodd is stopped, so what ends this boot from now on is not a crash of its doing."""
        if self._begun:
            try:
                self._files.keep_boot(self._boot._replace(clean=True))
            except OSError as error:
                _log.warning("it cannot be kept that kmodd was stopped: %s", error.strerror)
        self.close()

    def close(self) -> None:
        """Let go of the processes that are watched."""
        self._watched.close()

    # -------------------------------------------------------------------------------------- inside

    async def _begin(self, key: str) -> None:
        intents = self._files.open_intents()
        before = self._files.boot()
        is_new = before.boot_id != self._boot_id
        logs = {}
        if any(intent.boot_id != self._boot_id for intent in intents):
            from kmodd.kernel.pstore import read_crash_logs  # noqa: PLC0415  few boots end in a crash

            logs = {log.time_us: log.lines for log in read_crash_logs(self._around.pstore)}
        found = examine(intents, before, self._boot_id, logs)
        known = {(q.module, q.kind): q for q in self._files.quarantines()}
        fresh = {(q.module, q.kind): q for q in found.quarantines}
        self._quarantines = {**known, **fresh}
        self._suspects = {(intent.module, intent.kind): intent for intent in found.suspects}
        self._tell(found.quarantines, found.suspects)
        if fresh:
            await self._in_thread(self._files.keep_quarantines, list(self._quarantines.values()))
        # Only what is kept elsewhere, or means nothing, is taken away: else the next boot would crash again.
        is_kept = not self._unwritten
        if found.void:
            await self._in_thread(self._files.close, [i.file_name for i in found.void])
        if is_kept and found.quarantines:
            await self._in_thread(self._files.close, [file_name(q.kind, q.module) for q in found.quarantines])
        for intent in found.own:
            self._take_up(intent)
        boot = begun(before, self._boot_id, key) if is_new else before._replace(clean=False, healthy=False)
        await self._keep_boot(boot)

    def _tell(self, quarantines: Iterable[Quarantine], suspects: Iterable[Intent]) -> None:
        for q in quarantines:
            how = "the kernel's log of a crash names it" if q.confirmed else "the machine went down twice"
            marks = fields(MessageId.QUARANTINED, module=q.module, action=q.kind)
            _log.error("%s %s is quarantined: %s", q.kind, q.module, how, extra=marks)
        for intent in suspects:
            marks = fields(MessageId.SUSPECT, module=intent.module, action=intent.kind)
            text = "%s %s: the machine went down during that; it is tried once more, last and alone"
            _log.warning(text, intent.kind, intent.module, extra=marks)

    def _take_up(self, intent: Intent) -> None:
        """An open intent of this boot: its process goes on, or what it left is looked at."""
        if intent.crashed:
            self._remember(intent.module, Crash(intent.kind))
        elif not self._watched.add(intent):
            self._settle(intent)

    def _is_over(self, intent: Intent) -> None:
        self._settle(intent)
        self._publish()
        self._around.changed()

    def _settle(self, intent: Intent) -> None:
        """Its process is gone: whoever is still in the middle of it then has crashed."""
        seen = self._around.reader.modules((intent.module,)).get(intent.module)
        if seen is not None and seen.state is STUCK.get(intent.kind):
            self._has_crashed(intent.module, intent.kind, ())
        else:
            self._close((intent.module, intent.kind))

    def _has_crashed(self, module: ModuleName, kind: ActionKind, messages: tuple[str, ...]) -> None:
        """Nobody is to try that again: neither kmodd, nor others from this moment on."""
        self._remember(module, Crash(kind, messages))
        self.block(self._barred)
        marks = fields(MessageId.CRASHED, module=module, action=kind)
        _log.error(
            "%s %s crashed in the kernel; it is not tried again in this boot", kind, module, extra=marks
        )
        intent = self._files.intent(file_name(kind, module))
        if intent is not None:
            try:
                self._files.rewrite(intent._replace(crashed=True))
            except OSError as error:
                self._unwritten = error.errno or EIO

    def _remember(self, module: ModuleName, crash: Crash) -> None:
        try:
            self._store.remember_crash(module, crash)
        except OSError as error:
            _log.warning("cannot keep that %s crashed: %s", module, error.strerror)

    def _close(self, change: Change) -> None:
        """It was seen to end."""
        self._suspects.pop(change, None)
        try:
            self._files.close([file_name(change[1], change[0])])
        except OSError as error:
            self._unwritten = error.errno or EIO

    async def _keep_boot(self, boot: Boot) -> None:
        self._boot = boot
        await self._in_thread(self._files.keep_boot, boot)

    async def _write_again(self) -> None:
        """What could not be written is tried, and what has to outlive the boot is kept."""
        self._unwritten = 0
        await self._in_thread(self._files.keep_quarantines, list(self._quarantines.values()))
        await self._in_thread(self._files.try_intents)
        await self._keep_boot(self._boot)

    async def _in_thread(self, work: Callable[..., None], *arguments: object) -> None:
        """Have something written; what cannot be is the guard's problem, not its end."""
        try:
            await self._around.in_thread(work, *arguments)
        except OSError as error:
            self._unwritten = error.errno or EIO

    def _publish(self) -> None:
        """Tell the store what the next plan has to go by."""
        self._store.guarded = Guarded(
            flights={i.module: Flight(i.kind, i.since_us) for i in self._watched.intents},
            quarantines={change: q for change, q in self._quarantines.items() if self._speaks_of(q)},
            suspects={change: i.options for change, i in self._suspects.items() if self._speaks_of(i)},
        )

    def _digested(self) -> set[ModuleName]:
        """Modules whose file decides whether something speaks of them."""
        suspects = {each.module for each in self._suspects.values() if each.digest}
        return suspects | {each.module for each in self._quarantines.values() if each.digest}

    def _speaks_of(self, each: Intent | Quarantine) -> bool:
        """Whether it is about this kernel and this file; until the file has been read, it is."""
        _, digest = self._digests.get(each.module, (None, each.digest))
        return each.kernel == self._kernel and each.digest in ("", digest)

    def _known(self, module: ModuleName) -> object:
        return self._digests.get(module, (None, ""))[0]

    def _stamp(self, path: str) -> object:
        """Another one when the file is another; None where there is none."""
        try:
            facts = os.stat(path)
        except OSError:
            return None
        return (path, facts.st_ino, facts.st_size, facts.st_mtime_ns)
