"""A loader for the simulated kernel that fails, hangs, lies and overlaps as a test says."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

from kmodd.action import ActionKind
from kmodd.errors import ErrorKind, KmoddError
from kmodd.intent import Intent, Note, render, written
from kmodd.kernel.attribution import Crowd, without_others
from kmodd.model import (
    LoadRequest,
    ModuleInfo,
    Proof,
    Report,
    Request,
    Restraint,
    Symbols,
    UnloadRequest,
    User,
    WriteRequest,
)
from kmodd.names import ModuleName
from tests.support.simulated_kernel import SimulatedKernel

NOBODY = 2**22 + 1
"""More than the highest process id of any kernel (PID_MAX_LIMIT)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a request. ``error``: the errno that init (or exit, or the setter) returns.

    ``lost``: it is carried out, and no report comes. ``stuck``: init never ends, and its child is gone.
    ``pretended``: success is reported and nothing was done. ``messages``: what others print meanwhile.
    """

    error: int = 0
    lost: bool = False
    stuck: bool = False
    pretended: bool = False
    messages: tuple[str, ...] = ()


class Mark(NamedTuple):
    """One line of the journal: a request ``begin``s or ``end``s."""

    what: str
    request: Request


class SimulatedLoader:
    """Implements ``ports.Loader`` on a simulated kernel."""

    def __init__(self, kernel: SimulatedKernel) -> None:
        self._kernel = kernel
        self._clock_us = count(1_000_000, 1000)
        self._crowd = Crowd()
        self.faults: dict[ModuleName, list[Fault]] = {}
        """Module -> what happens to its next requests, in turn; the last one stays."""
        self.gates: dict[ModuleName, asyncio.Event] = {}
        """Module -> where its requests wait; one that is never set is a module that hangs."""
        self.refusals: list[KmoddError] = []
        """Errors of the loader as a whole, for the next calls."""
        self.journal: list[Mark] = []
        self.lookups: list[tuple[ModuleName, ...]] = []
        self.modprobe_file = ""
        self.open_ways: dict[ModuleName, tuple[str, ...]] = {}
        """Denied modules that libkmod would load all the same."""
        self.known_users: dict[ModuleName, tuple[User, ...]] = {}
        self.asked: list[frozenset[ModuleName]] = []
        """Modules whose users somebody wanted to know, call by call."""
        self.restraints: list[tuple[tuple[ModuleName, ...], tuple[ModuleName, ...]]] = []
        self.notes: list[Note | None] = []
        """What came with each request."""
        self.unwritable = 0
        """errno of writing an intent down."""
        self.contents: dict[str, str] = {}
        """Path of a module file -> its digest, where it is not the usual one."""
        self.lookup_s = 0.0
        """How long the module tree takes to answer."""
        self.duration_s = 0.0
        """How long an init, exit or setter takes where no gate is."""

    async def perform(self, request: Request, note: Note | None = None) -> Report:
        """Carry out ``request`` as far as faults and gates let it, its intent first."""
        self._refuse()
        self.notes.append(note)
        self.journal.append(Mark("begin", request))
        since = len(self._kernel.log)
        try:
            with self._crowd.entered(request.module) as others:
                report = await self._recorded(request, note)
            said = self._kernel.log[since:]
            return report._replace(messages=without_others(said, request.module, others))
        finally:
            self.journal.append(Mark("end", request))

    async def lookup(
        self, names: Iterable[ModuleName], *, with_modinfo: frozenset[ModuleName] = frozenset()
    ) -> Mapping[ModuleName, ModuleInfo]:
        """What the module tree says; parameter types only ``with_modinfo``."""
        self._refuse()
        asked = tuple(names)
        self.lookups.append(asked)
        await asyncio.sleep(self.lookup_s)
        return {name: self._kernel.info(name, with_modinfo=name in with_modinfo) for name in asked}

    async def restraint(self, denied: Iterable[ModuleName], rendered: Iterable[ModuleName]) -> Restraint:
        """Every denied module is refused, but for ``open_ways``; options come back as modprobe.d has them."""
        self._refuse()
        self.restraints.append((tuple(denied), tuple(rendered)))
        proofs = {name: Proof(name, 1, self.open_ways.get(name, ())) for name in self.restraints[-1][0]}
        return Restraint(proofs, self._options())

    async def users(self, names: Iterable[ModuleName]) -> Mapping[ModuleName, tuple[User, ...]]:
        """What a test has said."""
        self._refuse()
        self.asked.append(frozenset(names))
        return {name: self.known_users.get(name, ()) for name in self.asked[-1]}

    async def digests(self, paths: Iterable[str]) -> Mapping[str, str]:
        """Of every path."""
        return {path: self._digest(path) for path in paths}

    def _digest(self, path: str) -> str:
        return self.contents.get(path, f"digest of {path}")

    async def symbols(self, name: ModuleName) -> Symbols:
        """None: no simulated module has a file."""
        raise KmoddError(ErrorKind.NOT_FOUND, f"no module {name}")

    def _options(self) -> dict[ModuleName, str]:
        path = Path(self.modprobe_file)
        lines = path.read_text().splitlines() if path.is_file() else []
        words = (line.split(" ", 2) for line in lines if line.startswith("options "))
        return {ModuleName(name): options.replace("\\\\", "\\") for _, name, options in words}

    def begun(self) -> list[ModuleName]:
        """Modules in the order in which requests for them began."""
        return [mark.request.module for mark in self.journal if mark.what == "begin"]

    def _refuse(self) -> None:
        if self.refusals:
            raise self.refusals.pop(0)

    async def _recorded(self, request: Request, note: Note | None) -> Report:
        """What a child does: it writes its intent, and goes on or not."""
        error = self._write_down(request, note) if note is not None else 0
        if error and note is not None and note.strict:
            return Report(error, unwritten=error, begun=False)
        return (await self._perform(request))._replace(unwritten=error)

    def _write_down(self, request: Request, note: Note) -> int:
        if self.unwritable:
            return self.unwritable
        match request:
            case LoadRequest(module, path, options):
                rest = (module, ActionKind.LOAD, self._digest(path), options)
            case UnloadRequest(module):
                rest = (module, ActionKind.UNLOAD, "", "")
            case WriteRequest(module, parameters):
                rest = (module, ActionKind.WRITE, "", written(parameters))
            case _:
                raise AssertionError(request)
        began_us = next(self._clock_us)
        # A process of its own that is not there, so that nobody waits for it.
        process = (NOBODY, began_us)
        intent = Intent(*rest, note.kernel, note.boot_id, *process, 0, began_us, note.tries)
        self.keep(Path(note.directory) / intent.file_name, render(intent))
        return 0

    def keep(self, path: Path, content: bytes) -> None:
        """Have the file of an intent."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    async def _perform(self, request: Request) -> Report:
        started_us = next(self._clock_us)
        fault = self._fault(request.module)
        self._kernel.log += fault.messages
        error = 0 if fault.pretended else self._kernel.begin(request)
        gate = self.gates.get(request.module)
        await (gate.wait() if gate else asyncio.sleep(self.duration_s))
        if not (error or fault.pretended or fault.stuck):
            error = self._kernel.end(request, fault.error)
        if fault.lost or fault.stuck:
            return Report(lost=True, died=fault.stuck)
        has_none = error and not isinstance(request, WriteRequest)
        shown = {} if has_none else self._kernel.parameters(request.module)
        return Report(error, started_us=started_us, finished_us=next(self._clock_us), shown=shown)

    def _fault(self, name: ModuleName) -> Fault:
        faults = self.faults.get(name, [])
        return faults.pop(0) if len(faults) > 1 else faults[0] if faults else Fault()
