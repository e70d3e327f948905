"""Declared modules and facts -> desired state: conditions looked at, and what they need pulled in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from itertools import chain, filterfalse
from operator import itemgetter

from kmodd.core.conditions import device_present, is_ready, unmet
from kmodd.core.switches import Switches, switches
from kmodd.model import Catalog, Declaration, Desired, Facts, ModuleInfo, Parameter, WhenGone
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import EMPTY

Infos = Mapping[ModuleName, ModuleInfo]

_Modules = dict[ModuleName, "DesiredModule"]
_Pulls = Callable[["DesiredModule", Infos], Iterable[ModuleName]]

_SKIPPED = "kmodd.skip= on the kernel command line names it"


class History(NamedTuple):
    """What of this boot decides what is desired now (core/memory.py remembers it).

    ``met``: modules whose ``when.device`` was fulfilled before. ``owed``: modules that kmodd has taken out to
    load them again.
    """

    met: frozenset[ModuleName] = frozenset()
    owed: frozenset[ModuleName] = frozenset()


class DesiredModule(NamedTuple):
    """What one module is to be right now.

    ``desired`` is AUTO where a condition is not met (``unmet`` says which), UNLOADED where its device has
    gone (``unmet`` too) or another module takes its place (``replaced_by``), and LOADED for what is only
    pulled in or owed. ``pulled_by`` names the modules that want it; a declared module can have them too.
    ``barred`` is the word of the kernel command line that forbids loading it; ``skipped``: kmodd leaves it
    alone.
    """

    name: ModuleName
    desired: Desired
    declaration: Declaration | None = None
    pulled_by: tuple[ModuleName, ...] = ()
    unmet: str = ""
    replaced_by: tuple[ModuleName, ...] = ()
    barred: str = ""
    skipped: bool = False
    owed: bool = False

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
        """Declared parameters; none for what is only pulled in, and for what is left alone."""
        return self.declaration.parameters if self.declaration and not self.skipped else ()


class DesiredState(NamedTuple):
    """Every managed module. ``unknown`` names those that the module tree has not been asked about yet, these
    and others that decide something: look them up and resolve again, until it is empty.

    ``present``: those whose ``when.device`` is fulfilled. ``unready``: those whose ``ready`` is not.
    ``unwanted``: those that are not to be in the kernel. ``rivals``: who conflicts with whom, for both sides.
    """

    modules: Mapping[ModuleName, DesiredModule]
    infos: Infos
    unknown: frozenset[ModuleName] = frozenset()
    facts: Facts = Facts()
    enforce: bool = True
    present: frozenset[ModuleName] = frozenset()
    unready: frozenset[ModuleName] = frozenset()
    unwanted: frozenset[ModuleName] = frozenset()
    rivals: Mapping[ModuleName, AbstractSet[ModuleName]] = EMPTY

    @property
    def awaits_device(self) -> bool:
        """Whether a device that comes may have to be followed by its module at once."""
        return any(
            module.unmet
            and not (module.skipped or module.barred or name in self.present)
            and module.declaration
            and module.declaration.when.devices
            for name, module in self.modules.items()
        )


def resolve(catalog: Catalog, facts: Facts, infos: Infos, history: History | None = None) -> DesiredState:
    """Desired state of everything that the catalog names or pulls in."""
    past, given = history or History(), switches(facts.command_line)
    modules: _Modules = {}
    particular, unwanted = list[Declaration](), set[ModuleName]()
    for declaration in catalog.declarations:  # once: of thousands, each look at all of them costs
        module = modules[declaration.name] = _declared(declaration, facts, past, given)
        if module.to_remove:
            unwanted.add(module.name)
        if _is_particular(declaration):
            particular.append(declaration)
    _pull_in(modules, infos, given, _pulls)
    unwanted |= _replace(modules, infos, particular)
    _owe(modules, infos, given, past.owed)
    return DesiredState(
        modules,
        infos,
        frozenset(filterfalse(infos.__contains__, chain(modules, _mentioned(particular)))),
        facts,
        given.enforce,
        frozenset(d.name for d in particular if device_present(d.when, facts)),
        frozenset(d.name for d in particular if d.ready and not is_ready(d.ready, facts)),
        frozenset(unwanted),
        _rivals(particular),
    )


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
    return _both(dependencies, requires)


def weak_needs(module: DesiredModule, infos: Infos) -> tuple[ModuleName, ...]:
    """What is loaded too, without ``module`` depending on it: softdeps to go before it, and wants."""
    info = infos.get(module.name)
    wants = module.declaration.wants if module.declaration else ()
    return _both(info.softdeps_before if info else (), wants)


def followers(module: DesiredModule, infos: Infos) -> tuple[ModuleName, ...]:
    """Softdeps that are loaded after ``module``."""
    info = infos.get(module.name)
    return info.softdeps_after if info else ()


def _is_particular(declaration: Declaration) -> bool:
    """Whether it has to do with devices, readiness, or modules that it does not bring along."""
    others = declaration.requires or declaration.conflicts or declaration.replaces
    return bool(others or declaration.when.devices or declaration.ready)


def _declared(declaration: Declaration, facts: Facts, past: History, given: Switches) -> DesiredModule:
    name = declaration.name
    if name in given.skipped:
        return DesiredModule(name, Desired.AUTO, declaration, unmet=_SKIPPED, skipped=True)
    why = unmet(declaration.when, facts)
    state = declaration.state
    if why:
        state = Desired.UNLOADED if _has_gone(declaration, facts, past) else Desired.AUTO
    return DesiredModule(name, state, declaration, (), why, (), given.barred.get(name, ""))


def _has_gone(declaration: Declaration, facts: Facts, past: History) -> bool:
    """Whether its last device has been pulled out and the module is to follow it."""
    follows = declaration.when_gone is WhenGone.UNLOAD and bool(declaration.when.devices)
    return follows and declaration.name in past.met and not device_present(declaration.when, facts)


def _pull_in(modules: _Modules, infos: Infos, given: Switches, pulls: _Pulls) -> None:
    """Add everything that what is to be loaded needs or wants; what may not be loaded pulls nothing."""
    pulled: dict[ModuleName, list[ModuleName]] = {}
    queue = deque(name for name, module in modules.items() if module.to_load and not module.barred)
    while queue:
        puller = queue.popleft()
        for name in pulls(modules[puller], infos):
            known = modules.get(name)
            if known is None:
                known = modules[name] = _undeclared(name, given)
            if not known.to_load:
                if known.to_remove or known.skipped:
                    continue
                modules[name] = known._replace(desired=Desired.LOADED, unmet="")
                if not known.barred:
                    queue.append(name)
            pulled.setdefault(name, []).append(puller)
    for name, pullers in pulled.items():
        known = modules[name]
        modules[name] = known._replace(pulled_by=tuple(sorted({*known.pulled_by, *pullers})))


def _undeclared(name: ModuleName, given: Switches) -> DesiredModule:
    """A module that no file names, before it is found that others need it."""
    if name in given.skipped:
        return DesiredModule(name, Desired.AUTO, unmet=_SKIPPED, skipped=True)
    return DesiredModule(name, Desired.AUTO, barred=given.barred.get(name, ""))


def _owe(modules: _Modules, infos: Infos, given: Switches, owed: Iterable[ModuleName]) -> None:
    """What kmodd took out of the kernel comes back as it was: with what it cannot do without, nothing else
    brought along and nobody's place taken."""
    brought = [modules.get(name) or _undeclared(name, given) for name in owed]
    brought = [known for known in brought if known.desired is Desired.AUTO and not known.skipped]
    modules.update((known.name, known._replace(desired=Desired.LOADED, owed=True)) for known in brought)
    if brought:
        _pull_in(modules, infos, given, strong_needs)


def _replace(modules: _Modules, infos: Infos, declarations: Iterable[Declaration]) -> set[ModuleName]:
    """Whom a module replaces is to be out, as long as that module can be loaded at all; their names."""
    replaced = set[ModuleName]()
    pairs = [
        (declaration.name, other)
        for declaration in declarations
        if declaration.replaces and _can_be_loaded(modules[declaration.name], infos)
        for other in declaration.replaces
    ]
    for name, other in sorted(pairs, key=itemgetter(0)):
        known = modules.get(other) or DesiredModule(other, Desired.AUTO)
        is_wanted = known.to_load and not (known.owed and not known.pulled_by)
        if is_wanted or known.skipped:
            continue
        state = Desired.DENIED if known.desired is Desired.DENIED else Desired.UNLOADED
        modules[other] = known._replace(desired=state, unmet="", replaced_by=(*known.replaced_by, name))
        replaced.add(other)
    return replaced


def _mentioned(declarations: Iterable[Declaration]) -> frozenset[ModuleName]:
    """Modules that need not be managed, and matter where they are built in."""
    return frozenset(name for d in declarations for name in (*d.requires, *d.conflicts))


def _can_be_loaded(module: DesiredModule, infos: Infos) -> bool:
    """Whether it is to be loaded, may be, and is there at all."""
    info = infos.get(module.name)
    return module.to_load and not module.barred and info is not None and info.exists


def _rivals(declarations: Iterable[Declaration]) -> Mapping[ModuleName, AbstractSet[ModuleName]]:
    """``conflicts``, which holds for both whoever declares it."""
    rivals: dict[ModuleName, set[ModuleName]] = {}
    for declaration in declarations:
        for other in declaration.conflicts:
            rivals.setdefault(declaration.name, set()).add(other)
            rivals.setdefault(other, set()).add(declaration.name)
    return rivals


def _pulls(module: DesiredModule, infos: Infos) -> Iterable[ModuleName]:
    """Names that loading ``module`` brings along; softdeps only if the kernel has them."""
    softdeps = _both(weak_needs(module, infos), followers(module, infos))
    wants = module.declaration.wants if module.declaration else ()
    kept = tuple(name for name in softdeps if name in wants or name not in infos or infos[name].exists)
    return _both(strong_needs(module, infos), kept)


def _both(some: tuple[ModuleName, ...], others: tuple[ModuleName, ...]) -> tuple[ModuleName, ...]:
    """Names of both, each once; no copy where one of the two is all of that."""
    names = some + others  # the very same object where one of them is empty
    if len(names) < 2:
        return names
    unique = dict.fromkeys(names)
    return names if len(unique) == len(names) else tuple(unique)
