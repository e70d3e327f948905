"""Everything that a pass reads: conditions, the module tree, and the kernel. Reads only, changes nothing."""

from __future__ import annotations

import os
from collections.abc import Collection, Container, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from kmodd.core.against_kernel import kernel_issues
from kmodd.core.conditions import asked_devices, asked_facts
from kmodd.core.draft import ObservedModules
from kmodd.core.memory import Memory, Retry
from kmodd.core.order import Order, order
from kmodd.core.resolve import DesiredState, History, Infos, resolve
from kmodd.daemon.inventory import Inventory
from kmodd.errors import KmoddError
from kmodd.events.devices import Presence
from kmodd.events.hints import SILENT
from kmodd.events.trigger import Look
from kmodd.kernel.facts import gather
from kmodd.kernel.roots import Roots
from kmodd.model import AskedFacts, Catalog, DeviceMatch, Facts, ModuleInfo, ObservedModule, Security
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import Issue, ModuleState

if TYPE_CHECKING:
    from kmodd.daemon.roles import Devices, Hints, Listener
    from kmodd.kernel.ports import KernelReader


class Findings(NamedTuple):
    """What a pass plans with. ``tree_changed``: modules or modprobe.d are not what they were.

    ``plugged``: modules for which a device came. ``problem``: one sentence on what could not be read and what
    to do, "" for nothing.
    """

    desired: DesiredState
    order: Order
    observed: ObservedModules
    infos: Infos
    plugged: frozenset[ModuleName] = frozenset()
    tree_changed: bool = False
    problem: str = ""
    issues: tuple[Issue, ...] = ()
    security: Security = Security()


class _Resolved(NamedTuple):
    """What was worked out, and from what. ``builtin`` and ``with_parameters`` are modules of ``desired``."""

    catalog: Catalog
    facts: Facts
    history: History
    desired: DesiredState
    order: Order
    issues: tuple[Issue, ...]
    builtin: tuple[ModuleName, ...]
    with_parameters: frozenset[ModuleName]


class _Asked(NamedTuple):
    """What the declarations of a catalog ask for.

    ``devices``: by whom each match is asked for. ``ready``: those that show that a module is ready.
    ``spoken_for``: modules with a ``when.device``. ``silent``: paths of ``ready`` that inotify says nothing
    about.
    """

    catalog: Catalog
    facts: AskedFacts
    devices: Mapping[DeviceMatch, frozenset[ModuleName]]
    ready: frozenset[DeviceMatch]
    spoken_for: frozenset[ModuleName]
    silent: tuple[str, ...]


class _Kept(NamedTuple):
    """A module as last looked at: its ``line`` of /proc/modules, ``whole`` with all else that was read of it.

    ``look`` is the number of the full look since which its parameters are read, ``files`` are their names.
    """

    line: ObservedModule
    whole: ObservedModule
    look: int
    files: tuple[str, ...]


class Survey:
    """Keeps what need not be worked out again while its inputs are the same."""

    def __init__(
        self,
        roots: Roots,
        reader: KernelReader,
        inventory: Inventory,
        uevents: Listener,
        devices: Devices,
        hints: Hints | None = None,
    ) -> None:
        self._roots = roots
        self._reader = reader
        self._inventory = inventory
        self._uevents = uevents
        self._devices = devices
        self._hints = hints
        self._resolved: _Resolved | None = None
        self._security = Security()
        self._plugged: frozenset[ModuleName] = frozenset()
        self._waiting: tuple[ModuleName, ...] = ()
        self._asked = _asked(Catalog())
        self._facts: tuple[AskedFacts, Facts] | None = None
        self._followed: Mapping[ModuleName, int] = {}
        self._tree_changed = False
        self._deaf = ""
        self._full_looks = 0
        self._declared: dict[ModuleName, _Kept] = {}
        self._undeclared: dict[ModuleName, _Kept] = {}

    def present(self) -> Container[ModuleName]:
        """Modules in the kernel."""
        return self._reader.modules()

    async def look(
        self,
        catalog: Catalog,
        look: Look,
        memory: Memory,
        busy: Container[ModuleName] = (),
        included: Collection[ModuleName] = (),
    ) -> Findings:
        """Read what ``look`` hints at, and the kernel always; ``included`` modules in detail too.

        ``busy`` is asked when parameters are to be read: while the module tree is, actions begin and end.
        One at a time. Raises KmoddError (see the ports).
        """
        self._inventory.leave_out(catalog.settings.modprobe_file)
        if look.full or look.config:
            self._tree_changed |= self._inventory.refresh()
        if self._asked.catalog is not catalog:
            self._asked = _asked(catalog)
        self._follow(self._followed)
        presence = await self._presence(look, memory)
        facts = self._gathered(presence.present, anew=look.full)
        if look.full:
            self._security = self._reader.security()
        found = await self._resolve(catalog, facts, History(memory.met, memory.owed))
        # What is only shown must not keep what is declared from its pass.
        with suppress(KmoddError):
            await self._inventory.complete(included, frozenset(included))
        findings = Findings(
            found.desired,
            found.order,
            self._observe(found, busy, included, anew=look.full),
            self._inventory.infos,
            self._plugged,
            self._tree_changed,
            self._inventory.problem or self._deaf,
            found.issues,
            self._security,
        )
        # News is told once, and only to a pass that gets to hear it: whatever failed above keeps it.
        self._plugged, self._tree_changed = frozenset(), False
        return findings

    async def inform(self, name: ModuleName) -> ModuleInfo:
        """What the module tree and the module's file say of it. Raises KmoddError (see the ports)."""
        await self._inventory.complete([name], frozenset((name,)))
        return self._inventory.infos[name]

    def _gathered(self, present: frozenset[DeviceMatch], *, anew: bool) -> Facts:
        """Facts as of now; those that stay while a kernel runs are read ``anew`` or for another question."""
        asked, known = self._asked.facts, self._facts
        if known is None or known[0] is not asked or anew:
            facts = gather(asked, present, self._roots)
            self._facts = asked, facts
            return facts
        paths = frozenset(path for path in asked.paths if os.path.exists(path))
        return known[1]._replace(existing_paths=paths, present_devices=present)

    async def _presence(self, look: Look, memory: Memory) -> Presence:
        """Which devices are there that conditions, ``ready`` or modules without their hardware ask for."""
        asked = self._asked.devices
        askers = dict(asked)
        for name in await self._without_hardware(memory):
            for alias in self._inventory.infos[name].aliases:
                match = DeviceMatch(modalias=alias)
                askers[match] = askers.get(match, frozenset()) | {name}
        # Nothing tells that a path below /sys appears, but some device does.
        silent = () if all(map(os.path.exists, self._asked.silent)) else (DeviceMatch(),)
        self._deaf = ""
        try:
            return await self._found(askers, silent, look)
        except KmoddError as error:
            if askers.keys() == asked.keys() and not silent:
                raise
            # What only tells when to try again must not keep from their pass those that need no device.
            self._deaf = str(error)
            return await self._found(asked, (), look)

    async def _found(
        self, askers: Mapping[DeviceMatch, frozenset[ModuleName]], silent: Iterable[DeviceMatch], look: Look
    ) -> Presence:
        """Which devices fulfil what is asked, with events of ``silent`` heard as well. Raises FAILED."""
        self._uevents.listen([*askers, *silent], self._asked.ready)
        presence = await self._devices.update(askers, look)
        self._plugged |= frozenset(name for match in presence.plugged for name in askers[match])
        return presence

    async def _without_hardware(self, memory: Memory) -> list[ModuleName]:
        """Modules that found no device, and that no ``when.device`` speaks for: their own aliases do."""
        spoken_for = self._asked.spoken_for
        waiting = [n for n, a in memory.attempts.items() if a.retry is Retry.EVENT and n not in spoken_for]
        # Who is being tried again may fail once more, and an event that came meanwhile is one for it.
        waiting += [n for n in self._waiting if n in memory.in_flight and n not in memory.attempts]
        self._waiting = tuple(waiting)
        await self._inventory.complete(waiting, frozenset(waiting))
        return waiting

    async def _resolve(self, catalog: Catalog, facts: Facts, history: History) -> _Resolved:
        """Ask the module tree for what is new until everything that is pulled in is known."""
        known = self._resolved
        same_tree = known is not None and known.desired.infos is self._inventory.infos
        if known and same_tree and known.catalog is catalog and known[1:3] == (facts, history):
            return known
        with_parameters = frozenset(d.name for d in catalog.declarations if d.parameters)
        await self._inventory.complete([d.name for d in catalog.declarations], with_parameters)
        desired = resolve(catalog, facts, self._inventory.infos, history)
        while desired.unknown:
            await self._inventory.complete(desired.unknown, with_parameters)
            desired = resolve(catalog, facts, self._inventory.infos, history)
        # Without a module tree nothing is known, and that is said once.
        infos = {} if self._inventory.problem else desired.infos
        issues = kernel_issues(catalog.declarations, infos, facts.command_line)
        self._resolved = _Resolved(
            catalog,
            facts,
            history,
            desired,
            order(desired),
            issues,
            tuple(name for name in desired.modules if desired.infos[name].builtin),
            frozenset(name for name, module in desired.modules.items() if module.parameters),
        )
        return self._resolved

    def _observe(
        self,
        resolved: _Resolved,
        busy: Container[ModuleName],
        included: Collection[ModuleName],
        *,
        anew: bool,
    ) -> ObservedModules:
        """All of /proc/modules; with instance and parameters for what is managed or included."""
        observed = dict(self._reader.modules())
        if anew:
            self._full_looks += 1
            self._undeclared = {n: kept for n, kept in self._undeclared.items() if n in observed}
        for name in resolved.builtin:
            observed.setdefault(name, ObservedModule(name, ModuleState.BUILTIN))
        managed = resolved.desired.modules
        instances = self._reader.instances([n for n in observed if n in managed or n in included])
        declared = {n: i for n, i in instances.items() if n in included or n in resolved.with_parameters}
        self._follow(declared)
        for name, found in instances.items():
            observed[name] = self._detailed(
                observed[name], found, declared=name in declared, busy=name in busy
            )
        return observed

    def _follow(self, instances: Mapping[ModuleName, int]) -> None:
        """Before anything of it is read, so that whatever changes meanwhile is told."""
        self._followed = instances
        if self._hints is not None:
            self._hints.follow(instances, self._asked.facts.paths)

    def _detailed(self, seen: ObservedModule, instance: int, *, declared: bool, busy: bool) -> ObservedModule:
        """``seen`` with parameters; those that nobody declared are read once an instance and full look.

        While an action of ours is under way they are as last read: a reader of a parameter waits for its
        writer (kernel/params.c, param_attr_show), and that may take its time.
        """
        kept = self._declared if declared else self._undeclared
        last = kept.get(seen.name)
        known = last if last is not None and _is_about(last, seen, instance) else None
        current = not declared and known is not None and known.look == self._full_looks
        if known is not None and (busy or current or not known.files):
            if known.line == seen:
                return known.whole
            files, parameters, writable = known.files, known.whole.parameters, known.whole.writable
        elif busy or not instance:
            return seen._replace(instance=instance) if instance else seen
        else:
            listed = known.files if known is not None else self._reader.parameter_files(seen.name)
            if listed is None:
                return seen._replace(instance=instance)
            files = listed
            parameters, writable = self._reader.parameters(seen.name, files), seen.writable
            if declared:
                writable = known.whole.writable if known else self._reader.writable(seen.name, files)
        whole = seen._replace(instance=instance, parameters=parameters, writable=writable)
        if last is not None and last.whole == whole:  # one object is compared faster than two that are equal
            whole = last.whole
        kept[seen.name] = _Kept(seen, whole, self._full_looks, files)
        return whole


def _is_about(kept: _Kept, seen: ObservedModule, instance: int) -> bool:
    """Whether it is the same instance of a module, in the same state."""
    return kept.whole.instance == instance and kept.line.state is seen.state


def _asked(catalog: Catalog) -> _Asked:
    devices: dict[DeviceMatch, set[ModuleName]] = {}
    for declaration in catalog.declarations:
        for match in asked_devices(declaration):
            devices.setdefault(match, set()).add(declaration.name)
    paths = [d.ready.path_exists for d in catalog.declarations if d.ready]
    return _Asked(
        catalog,
        asked_facts(catalog.declarations),
        {match: frozenset(names) for match, names in devices.items()},
        frozenset(d.ready.device for d in catalog.declarations if d.ready and d.ready.device),
        frozenset(d.name for d in catalog.declarations if d.when.devices),
        tuple(path for path in paths if path.startswith(SILENT)),
    )


def default_parallel() -> int:
    """Loads at once where the settings leave it open: init functions mostly wait, so more than processors.

    No more than there are files of the kernel's log in the unit, less some for loads that hang.
    """
    return min(8, max(4, 2 * (os.cpu_count() or 1)))
