"""Everything that a pass reads: conditions, the module tree, and the kernel. Reads only, changes nothing."""

import os
from collections.abc import Collection, Container, Iterable, Mapping
from typing import NamedTuple, Protocol

from kmodd.core.draft import ObservedModules
from kmodd.core.order import Order, order
from kmodd.core.resolve import DesiredState, Infos, resolve
from kmodd.daemon.facts import gather
from kmodd.daemon.inventory import Inventory
from kmodd.events.trigger import Look
from kmodd.kernel.ports import KernelReader
from kmodd.kernel.roots import Roots
from kmodd.model import Catalog, DeviceMatch, Facts, ObservedModule
from kmodd.names import ModuleName
from kmodd.shown import ModuleState


class Findings(NamedTuple):
    """What a pass plans with. ``tree_changed``: modules or modprobe.d are not what they were.

    ``problem``: one sentence on what could not be read and what to do, "" for nothing.
    """

    desired: DesiredState
    order: Order
    observed: ObservedModules
    infos: Infos
    appeared: frozenset[DeviceMatch] = frozenset()
    tree_changed: bool = False
    problem: str = ""


class Listener(Protocol):
    """Where device events come from (events.uevents.Uevents)."""

    def listen(self, matches: Iterable[DeviceMatch]) -> None:
        """Have events of devices that may fulfil one of ``matches``, and no others."""


class Devices(Protocol):
    """Which declared devices are present (events.devices.PresentDevices)."""

    async def update(self, matches: Iterable[DeviceMatch], look: Look) -> frozenset[DeviceMatch]:
        """Those of ``matches`` that a device fulfils now."""


class Survey:
    """Keeps what need not be worked out again while its inputs are the same."""

    def __init__(
        self,
        roots: Roots,
        reader: KernelReader,
        inventory: Inventory,
        uevents: Listener,
        devices: Devices,
    ) -> None:
        self._roots = roots
        self._reader = reader
        self._inventory = inventory
        self._uevents = uevents
        self._devices = devices
        self._resolved: tuple[Catalog, Facts, DesiredState, Order] | None = None
        self._present: frozenset[DeviceMatch] = frozenset()
        self._appeared: frozenset[DeviceMatch] = frozenset()
        self._tree_changed = False
        self._undeclared: dict[ModuleName, ObservedModule] = {}

    def present(self) -> Container[ModuleName]:
        """Modules in the kernel."""
        return self._reader.modules()

    async def look(self, catalog: Catalog, look: Look, included: Collection[ModuleName] = ()) -> Findings:
        """Read what ``look`` hints at, and the kernel always; ``included`` modules in detail too.

        One at a time. Raises KmoddError (see the ports).
        """
        if look.full or look.config:
            self._tree_changed |= self._inventory.refresh()
        before, self._present = self._present, await self._present_devices(catalog, look)
        self._appeared |= self._present - before
        facts = gather(catalog, self._present, self._roots)
        desired, sequence = await self._resolve(catalog, facts)
        await self._inventory.complete(included, frozenset())
        observed = self._observe(desired, included, anew=look.full)
        infos, problem = self._inventory.infos, self._inventory.problem
        findings = Findings(desired, sequence, observed, infos, self._appeared, self._tree_changed, problem)
        # News is told once, and only to a pass that gets to hear it: whatever failed above keeps it.
        self._appeared, self._tree_changed = frozenset(), False
        return findings

    async def _present_devices(self, catalog: Catalog, look: Look) -> frozenset[DeviceMatch]:
        matches = frozenset(match for d in catalog.declarations for match in d.when.devices)
        self._uevents.listen(matches)
        return await self._devices.update(matches, look)

    async def _resolve(self, catalog: Catalog, facts: Facts) -> tuple[DesiredState, Order]:
        """Ask the module tree for what is new until everything that is pulled in is known."""
        known = self._resolved
        if known and known[0] is catalog and known[1] == facts and known[2].infos is self._inventory.infos:
            return known[2], known[3]
        with_parameters = frozenset(d.name for d in catalog.declarations if d.parameters)
        await self._inventory.complete([d.name for d in catalog.declarations], with_parameters)
        desired = resolve(catalog, facts, self._inventory.infos)
        while desired.unknown:
            await self._inventory.complete(desired.unknown, with_parameters)
            desired = resolve(catalog, facts, self._inventory.infos)
        self._resolved = (catalog, facts, desired, order(desired))
        return desired, self._resolved[3]

    def _observe(
        self, desired: DesiredState, included: Collection[ModuleName], *, anew: bool
    ) -> ObservedModules:
        """All of /proc/modules; with instance and parameters for what is managed or included."""
        observed = dict(self._reader.modules())
        if anew:
            self._undeclared = {}
        for name, module in desired.modules.items():
            seen = observed.get(name)
            if seen is None and desired.infos[name].builtin:
                seen = ObservedModule(name, ModuleState.BUILTIN)
            if seen is not None:
                observed[name] = self._detailed(seen, declared=bool(module.parameters))
        for name in included:
            if name in observed and name not in desired.modules:
                observed[name] = self._detailed(observed[name], declared=True)
        return observed

    def _detailed(self, seen: ObservedModule, *, declared: bool) -> ObservedModule:
        """``seen`` with instance and parameters; those that nobody declared are read once an instance."""
        instance = self._reader.instance(seen.name)
        known = self._undeclared.get(seen.name)
        if not declared and known is not None and known.instance == instance and known.state is seen.state:
            return seen._replace(instance=instance, parameters=known.parameters)
        parameters: Mapping[str, str] = self._reader.parameters(seen.name) if instance else {}
        detailed = seen._replace(instance=instance, parameters=parameters)
        if not declared:
            self._undeclared[seen.name] = detailed
        return detailed


def default_parallel() -> int:
    """Loads at once where the settings leave it open: init functions mostly wait, so more than processors."""
    return max(4, 2 * (os.cpu_count() or 1))
