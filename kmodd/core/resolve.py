"""Declared modules and facts -> desired state: conditions looked at, and what they need pulled in."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kmodd.core.conditions import unmet
from kmodd.model import Catalog, Declaration, Desired, Facts, ModuleInfo, Parameter
from kmodd.names import ModuleName

Infos = Mapping[ModuleName, ModuleInfo]


class DesiredModule(NamedTuple):
    """What one module is to be right now.

    ``desired`` is AUTO where a condition is not met (``unmet`` says which) and LOADED for what is only pulled
    in. ``pulled_by`` names the modules that want it; a declared module can have them too.
    """

    name: ModuleName
    desired: Desired
    declaration: Declaration | None = None
    pulled_by: tuple[ModuleName, ...] = ()
    unmet: str = ""

    @property
    def to_load(self) -> bool:
        """Whether kmodd is to see that it is in the kernel."""
        return self.desired is Desired.LOADED

    @property
    def to_remove(self) -> bool:
        """Whether kmodd is to see that it is not in the kernel."""
        return self.desired in (Desired.UNLOADED, Desired.DENIED)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Declared parameters; none for what is only pulled in."""
        return self.declaration.parameters if self.declaration else ()


class DesiredState(NamedTuple):
    """Every managed module. ``unknown`` names those that the module tree has not been asked about yet:
    look them up and resolve again, until it is empty.
    """

    modules: Mapping[ModuleName, DesiredModule]
    infos: Infos
    unknown: frozenset[ModuleName] = frozenset()


def resolve(catalog: Catalog, facts: Facts, infos: Infos) -> DesiredState:
    """Desired state of everything that the catalog names or pulls in."""
    modules = {declaration.name: _declared(declaration, facts) for declaration in catalog.declarations}
    pulled: dict[ModuleName, list[ModuleName]] = {}
    queue = deque(name for name, module in modules.items() if module.to_load)
    while queue:
        puller = queue.popleft()
        for name in _pulls(modules[puller], infos):
            known = modules.get(name)
            if known is not None and known.to_remove:
                continue
            pulled.setdefault(name, []).append(puller)
            if known is None or not known.to_load:
                modules[name] = _pulled(name, known)
                queue.append(name)
    for name, pullers in pulled.items():
        module = modules[name]
        modules[name] = DesiredModule(
            name, module.desired, module.declaration, tuple(sorted(pullers)), module.unmet
        )
    return DesiredState(modules, infos, frozenset(modules.keys() - infos.keys()))


def with_needs(desired: DesiredState, names: Iterable[ModuleName]) -> frozenset[ModuleName]:
    """``names``, and everything that they pull in, directly or not."""
    found = set(names)
    rest = {name: module.pulled_by for name, module in desired.modules.items() if module.pulled_by}
    while reached := {name for name, pullers in rest.items() if not found.isdisjoint(pullers)} - found:
        found |= reached
    return frozenset(found)


def strong_needs(module: DesiredModule, infos: Infos) -> tuple[ModuleName, ...]:
    """What must be live before ``module``: its kernel dependencies, then what it declares as required."""
    info = infos.get(module.name)
    dependencies = info.dependencies if info else ()
    requires = module.declaration.requires if module.declaration else ()
    return _unique((*dependencies, *requires))


def weak_needs(module: DesiredModule, infos: Infos) -> tuple[ModuleName, ...]:
    """What is loaded too, without ``module`` depending on it: softdeps to go before it, and wants."""
    info = infos.get(module.name)
    wants = module.declaration.wants if module.declaration else ()
    return _unique((*(info.softdeps_before if info else ()), *wants))


def followers(module: DesiredModule, infos: Infos) -> tuple[ModuleName, ...]:
    """Softdeps that are loaded after ``module``."""
    info = infos.get(module.name)
    return info.softdeps_after if info else ()


def _declared(declaration: Declaration, facts: Facts) -> DesiredModule:
    reason = unmet(declaration.when, facts)
    state = Desired.AUTO if reason else declaration.state
    return DesiredModule(declaration.name, state, declaration, unmet=reason)


def _pulled(name: ModuleName, known: DesiredModule | None) -> DesiredModule:
    """A module that others need: loaded, whatever its own ``auto`` or unmet condition would leave open."""
    return DesiredModule(name, Desired.LOADED, known.declaration if known else None)


def _pulls(module: DesiredModule, infos: Infos) -> Iterable[ModuleName]:
    """Names that loading ``module`` brings along; softdeps only if the kernel has them."""
    softdeps = (*weak_needs(module, infos), *followers(module, infos))
    wants = module.declaration.wants if module.declaration else ()
    kept = [name for name in softdeps if name in wants or name not in infos or infos[name].exists]
    return _unique((*strong_needs(module, infos), *kept))


def _unique(names: Iterable[ModuleName]) -> tuple[ModuleName, ...]:
    return tuple(dict.fromkeys(names))
