"""What kmodd has touched since a checkpoint: noted before it is done, and the next steps back."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING

from kmodd.core.checkpoint import Before, Touched, noted
from kmodd.daemon.store import MemoryStore
from kmodd.daemon.survey import Findings
from kmodd.errors import KmoddError
from kmodd.model import ObservedModule, Request, User
from kmodd.names import ModuleName
from kmodd.shown import EMPTY, ModuleState

if TYPE_CHECKING:
    from kmodd.core.way_back import WayBack
    from kmodd.daemon.roles import Attributor
    from kmodd.kernel.ports import KernelReader

_log = logging.getLogger(__name__)


class TouchedModules:
    """Reads the kernel for core/checkpoint.py and core/way_back.py."""

    def __init__(self, store: MemoryStore, reader: KernelReader, attributor: Attributor) -> None:
        self._store = store
        self._reader = reader
        self._attributor = attributor

    def note(self, before: Before | None, request: Request) -> Before:
        """What there is to be known of a module before ``request`` is carried out."""
        seen = self._seen((request.module,), ()).get(request.module)
        return noted(before, request, seen, self._store.memory.record(seen))

    def present(self) -> Container[ModuleName]:
        """Modules in the kernel."""
        return self._reader.modules()

    def round(
        self, touched: Touched, findings: Findings, users: Mapping[ModuleName, tuple[User, ...]] = EMPTY
    ) -> WayBack:
        """The next steps, by what is there at this moment."""
        from kmodd.core.way_back import way_back  # noqa: PLC0415  (daemon/later.py)

        observed = self._seen(touched, self._store.busy)
        return way_back(touched, findings.desired, findings.infos, observed, self._store.memory, users)

    async def users(self, names: Iterable[ModuleName]) -> Mapping[ModuleName, tuple[User, ...]]:
        """What uses each of ``names`` and is no module, as far as that can be found out."""
        try:
            return await self._attributor.users(names)
        except KmoddError as error:
            _log.warning("who uses modules cannot be found out: %s", error)
            return EMPTY

    def _seen(
        self, names: Iterable[ModuleName], busy: Container[ModuleName]
    ) -> dict[ModuleName, ObservedModule]:
        """Those that are in the kernel, in detail; parameters of what is busy are not read."""
        modules = self._reader.modules()
        found: dict[ModuleName, ObservedModule] = {}
        for name in names:
            instance = self._reader.instance(name)
            builtin = ObservedModule(name, ModuleState.BUILTIN) if instance else None
            seen = modules.get(name, builtin)
            if seen is None:
                continue
            found[name] = seen._replace(instance=instance)
            if name not in busy:
                files = self._reader.parameter_files(name)
                parameters, writable = (
                    self._reader.parameters(name, files),
                    self._reader.writable(name, files),
                )
                found[name] = found[name]._replace(parameters=parameters, writable=writable)
        return found
