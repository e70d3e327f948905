"""The daemon's side of the loader (``ports.Loader``)."""

import asyncio
import errno
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from kmodd.errors import KINDS, ErrorKind, KmoddError
from kmodd.intent import Note
from kmodd.kernel.attribution import Crowd, without_others
from kmodd.kernel.roots import Roots
from kmodd.kernel.rows import module_info, proof
from kmodd.kernel.verbs import (
    DIGESTS,
    LOAD,
    LOOKUP,
    PARAMETERS,
    RESTRAINT,
    SPARE,
    SYMBOLS,
    UNLOAD,
    USERS,
    WRITE,
)
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
from kmodd.shown import Stage

if TYPE_CHECKING:
    from kmodd.kernel.process import LoaderProcess
    from kmodd.kernel.wire import Answer, RestraintRow

# Names in one request: 256 of 55 bytes, twice, stay within a packet.
_CHUNK: Final = 256
_IDLE_S: Final = 10.0
"""After this long without work the loader costs more than it saves: a third of all memory, 15 ms to start."""
_PROOFS_CHUNK: Final = 16  # each takes up to a second
_READING_HINT: Final = "see that every file of modprobe.d and of the module tree can be read at once"


class LoaderClient:
    """Starts the loader when it is needed, ends it when it is not for a while; for one event loop.

    Cancelling a call forgets the answer; what the kernel has begun goes on.
    """

    def __init__(
        self, roots: Roots | None = None, kmsg_files: Sequence[int] = (), rehearsals: str = ""
    ) -> None:
        """``kmsg_files``: the kernel's log, open, where the loader may not open it; not closed here.

        ``rehearsals``: absolute path of a directory where a child that is kept ready may write for a moment
        what nobody reads; "" for nowhere.
        """
        self._roots = roots or Roots()
        self._rehearsals = rehearsals
        self.modprobe_file = ""
        """The file of modprobe.d that kmodd generates (setting ``modprobe_file``); may change at any time."""
        self._kmsg_files = kmsg_files
        self._process: LoaderProcess | None = None
        self._ending: LoaderProcess | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._expecting = False
        self._has_spare = False
        self._crowd = Crowd()

    @property
    def pid(self) -> int:
        """Process id of the loader; 0 while none runs."""
        return self._process.pid if self._process is not None and self._process.alive else 0

    def expect(self, *, soon: bool) -> None:
        """Whether a change may be wanted at any moment, and then at once: loader and child are kept ready."""
        was, self._expecting = self._expecting, soon
        if was and not soon:
            self._rest_later()
        if soon and not self._is_busy and not (self._has_spare and self.pid):
            with suppress(KmoddError, OSError):  # who wants a change will hear of it
                self._running().tell(SPARE, {"directory": self._rehearsals})
                self._has_spare = True

    def prepare(self) -> None:
        """Something will be asked before long: start the loader where there is a processor for it."""
        if not self.pid and len(os.sched_getaffinity(0)) > 1:
            with suppress(KmoddError, OSError):  # who asks will hear of it
                self._running()
                self._rest_later()

    async def perform(self, request: Request, note: Note | None = None) -> Report:
        """Carry out ``request`` after writing down its intent; the report is a claim, to be verified.

        Raises LOADER_LOST, NO_LIBKMOD.
        """
        verb, body = _change(request)
        body["note"] = note._asdict() if note else None
        with self._crowd.entered(request.module) as others:
            try:
                answer = await self._asked(verb, body)
            except OSError as error:
                return Report(error=error.errno or errno.EIO)
        self._has_spare = False  # it may have been the spare one that made the change, and ended
        lost = answer.get("lost")
        if lost is not None:
            messages = without_others(lost["messages"], request.module, others)
            return Report(lost=True, died=lost["died"], messages=messages)
        row = _checked(answer)["report"]
        return Report(
            error=row["error"],
            started_us=row["started_us"],
            finished_us=row["finished_us"],
            stages=tuple(Stage(name, duration_us) for name, duration_us in row["stages"]),
            shown=dict(row["shown"]),
            messages=without_others(row["messages"], request.module, others),
            unwritten=row["unwritten"],
            begun=row["begun"],
        )

    async def lookup(
        self, names: Iterable[ModuleName], *, with_modinfo: frozenset[ModuleName] = frozenset()
    ) -> Mapping[ModuleName, ModuleInfo]:
        """What the module tree knows of ``names``, one answer each; reads files only for ``with_modinfo``.

        Raises NO_MODULE_TREE, NO_LIBKMOD, LOADER_LOST.
        """
        found: dict[ModuleName, ModuleInfo] = {}
        for chunk in _chunks(names):
            body = {
                "names": chunk,
                "with_modinfo": [name for name in chunk if name in with_modinfo],
                "modprobe_file": self.modprobe_file,
            }
            rows = (await self._ask(LOOKUP, body))["modules"]
            found.update((ModuleName(row["name"]), module_info(row)) for row in rows)
        return found

    async def parameters(self, modules: Iterable[ModuleName]) -> Mapping[ModuleName, Mapping[str, str]]:
        """As ``KernelReader.parameters``, for many modules and without waiting on the loop for a slow write.

        Raises LOADER_LOST.
        """
        found: dict[ModuleName, Mapping[str, str]] = {}
        for chunk in _chunks(modules):
            texts = (await self._ask(PARAMETERS, {"names": chunk}))["parameters"]
            found.update((name, texts[name]) for name in chunk)
        return found

    async def restraint(self, denied: Iterable[ModuleName], rendered: Iterable[ModuleName]) -> Restraint:
        """What the generated file comes to: proofs for ``denied``, options for ``rendered``.

        Raises NO_MODULE_TREE, NO_LIBKMOD, LOADER_LOST.
        """
        proofs: dict[ModuleName, Proof] = {}
        options: dict[ModuleName, str] = {}
        for chunk in _chunks(denied, _PROOFS_CHUNK):
            rows = (await self._restrain(chunk, []))["proofs"]
            proofs.update((ModuleName(row["module"]), proof(row)) for row in rows)
        for chunk in _chunks(rendered):
            texts = (await self._restrain([], chunk))["options"]
            options.update((name, texts[name]) for name in chunk)
        return Restraint(proofs, options)

    async def users(self, names: Iterable[ModuleName]) -> Mapping[ModuleName, tuple[User, ...]]:
        """What uses each of ``names`` and is no module, as far as it can be found out. Raises LOADER_LOST."""
        found: dict[ModuleName, tuple[User, ...]] = {}
        for chunk in _chunks(names):
            rows = (await self._ask(USERS, {"names": chunk}))["users"]
            found.update((name, tuple(User(*row) for row in rows[name])) for name in chunk)
        return found

    async def symbols(self, name: ModuleName) -> Symbols:
        """Symbols of one module's file.

        Raises NOT_FOUND, NO_MODULE_TREE, NO_LIBKMOD, LOADER_LOST, and FAILED for a damaged file.
        """
        row = (await self._ask(SYMBOLS, {"module": name}))["symbols"]
        return Symbols(tuple((symbol, by) for symbol, by in row["needed"]), tuple(row["exported"]))

    async def digests(self, paths: Iterable[str]) -> Mapping[str, str]:
        """Digest of each file, as intents have it, without those that cannot be read. Raises LOADER_LOST."""
        found: dict[str, str] = {}
        for path in paths:  # one child each: reading has a limit of time
            found.update((await self._ask(DIGESTS, {"paths": [path]}))["digests"])
        return found

    async def close(self) -> None:
        """End the loader and reap it; never waits for its children. A later request starts another."""
        self._stay()
        for process in (self._ending, self._process):
            if process is not None:
                await process.close()

    async def _restrain(self, denied: list[ModuleName], rendered: list[ModuleName]) -> "RestraintRow":
        body = {"denied": denied, "rendered": rendered, "modprobe_file": self.modprobe_file}
        return (await self._ask(RESTRAINT, body))["restraint"]

    async def _ask(self, verb: bytes, body: dict[str, Any]) -> "Answer":
        try:
            answer = await self._asked(verb, body)
        except OSError as error:
            message = f"the loader cannot be asked for a {verb.decode()}: {error.strerror}"
            raise KmoddError(ErrorKind.LOADER_LOST, message) from error
        if "lost" in answer:
            raise KmoddError(
                ErrorKind.LOADER_LOST, f"the loader ended during a {verb.decode()}", _READING_HINT
            )
        return _checked(answer)

    async def _asked(self, verb: bytes, body: dict[str, Any]) -> "Answer":
        """Ask the loader, which stays for that. Raises LOADER_LOST; OSError: E2BIG."""
        self._stay()
        try:
            return await self._running().ask(verb, body)
        finally:
            self._rest_later()

    @property
    def _is_busy(self) -> bool:
        return self._process is not None and self._process.busy

    def _running(self) -> "LoaderProcess":
        """The loader; started where there is none. Raises LOADER_LOST."""
        if self._process is None or not self._process.alive:
            self._process = _process()(self._roots, self._kmsg_files)
            self._has_spare = False
        return self._process

    def _stay(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _rest_later(self) -> None:
        """End the loader after a while, unless it is at work then or expected to be."""
        if self.pid and not self._is_busy and not self._expecting:
            self._stay()
            self._rest = asyncio.get_running_loop().call_later(_IDLE_S, self._end)

    def _end(self) -> None:
        self._rest = None
        if self._process is not None and not self._expecting:
            self._process.end()
            self._ending, self._process = self._process, None  # what it was sent now would be lost


def _process() -> "type[LoaderProcess]":
    """Imported with the first loader: a start that finds everything in order has none. Raises LOADER_LOST."""
    try:
        from kmodd.kernel.process import LoaderProcess  # noqa: PLC0415
    except ImportError as error:  # the package is just being replaced
        raise KmoddError(ErrorKind.LOADER_LOST, f"the loader cannot be started: {error}") from error
    return LoaderProcess


def _chunks(names: Iterable[ModuleName], size: int = _CHUNK) -> Iterator[list[ModuleName]]:
    ordered = list(dict.fromkeys(names))
    return (ordered[start : start + size] for start in range(0, len(ordered), size))


def _change(request: Request) -> tuple[bytes, dict[str, Any]]:
    """Verb and body for a request that changes the kernel."""
    match request:
        case LoadRequest(module, path, options):
            return LOAD, {"module": module, "path": path, "options": options}
        case UnloadRequest(module):
            return UNLOAD, {"module": module}
        case WriteRequest(module, parameters):
            return WRITE, {"module": module, "parameters": parameters}


def _checked(answer: "Answer") -> "Answer":
    """``answer``, or the error that it carries."""
    failure = answer.get("failure")
    if failure is not None:
        raise KmoddError(KINDS[failure["kind"]], failure["message"], failure["hint"])
    return answer
