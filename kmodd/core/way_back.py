"""The way back from what kmodd did since a checkpoint: one round of steps, by what the kernel shows now.

After each round it is asked again, until there is no step left; what cannot be taken back is said. Never by
force. What the files want of a module is for the next pass: they are those of before, so that is little.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from graphlib import TopologicalSorter

from kmodd.core.checkpoint import Before, Touched, claimed, is_ours, kind_of, settable
from kmodd.core.draft import ObservedModules, Step, forbidden
from kmodd.core.memory import LoadRecord, Memory
from kmodd.core.parameters import assignment, equal, options_string, same_name
from kmodd.core.resolve import DesiredModule, DesiredState, Infos
from kmodd.intent import written
from kmodd.model import (
    Desired,
    LoadRequest,
    ModuleInfo,
    ObservedModule,
    Parameter,
    Request,
    UnloadRequest,
    User,
    WriteRequest,
)
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import EMPTY, ModuleState

MOST_TRIES = 5
"""Steps on one module, before what it reads as is left as it is."""
RELOAD_TRIES = 2
"""With more steps behind it, a module is not taken out any more to be loaded with other parameters."""
REASON = "taken back: a checkpoint is rolled back"


class WayBack(NamedTuple):
    """One round. ``left``: a sentence for each thing that cannot be taken back. ``asks``: modules whose users
    decide it. ``touched``: as given, with what the steps need to know of each other. ``moving``: whether
    something comes or goes that kmodd does not wait for, so that more can perhaps be done after it."""

    steps: tuple[Step, ...] = ()
    left: tuple[str, ...] = ()
    asks: frozenset[ModuleName] = frozenset()
    touched: Touched = EMPTY
    moving: bool = False


class _Module(NamedTuple):
    """All that is known of one module."""

    name: ModuleName
    before: Before
    seen: ObservedModule | None
    record: LoadRecord | None
    info: ModuleInfo
    desired: DesiredModule


class _Wish(NamedTuple):
    """What is to be done about one module, if anything, and why something cannot be."""

    request: Request | None = None
    parameters: tuple[Parameter, ...] = ()
    left: str = ""
    before: Before | None = None


def way_back(
    touched: Touched,
    desired: DesiredState,
    infos: Infos,
    observed: ObservedModules,
    memory: Memory,
    users: Mapping[ModuleName, tuple[User, ...]],
) -> WayBack:
    """The next round; ``observed`` has instance and parameters of what is touched, ``infos`` all of it."""
    modules = {
        name: _module(name, touched[name], desired, infos, observed.get(name), memory) for name in touched
    }
    wishes = {
        name: _Wish(left="an action on it is under way")
        if name in memory.in_flight
        else _bounded(module, _wish(module), memory)
        for name, module in sorted(modules.items())
    }
    asks = frozenset(name for name, wish in wishes.items() if isinstance(wish.request, UnloadRequest))
    wanted = frozenset(name for name, module in modules.items() if module.desired.to_load)
    wishes = _spared(wishes, observed, users, wanted)
    return WayBack(
        _steps(wishes, observed, infos),
        tuple(f"{name}: {wish.left}" for name, wish in sorted(wishes.items()) if wish.left),
        asks,
        {name: wishes[name].before or module.before for name, module in modules.items()},
        any(name in memory.in_flight or _is_moving(module.seen) for name, module in modules.items()),
    )


def _is_moving(seen: ObservedModule | None) -> bool:
    return seen is not None and seen.state in (ModuleState.LOADING, ModuleState.UNLOADING)


def _module(
    name: ModuleName,
    before: Before,
    desired: DesiredState,
    infos: Infos,
    seen: ObservedModule | None,
    memory: Memory,
) -> _Module:
    record = memory.record(seen)
    return _Module(
        name,
        claimed(before, seen, record),
        seen,
        record,
        infos.get(name) or ModuleInfo(name),
        desired.modules.get(name) or DesiredModule(name, Desired.AUTO),
    )


def _bounded(module: _Module, wish: _Wish, memory: Memory) -> _Wish:
    """What failed on the way back is not tried again, and what the crash guard forbids not at all."""
    attempt = memory.attempts.get(module.name)
    is_missed = module.seen is None and module.before.instance
    if attempt is not None and (wish.request is not None or is_missed):
        return _Wish(left=attempt.message)
    if wish.request is None:
        return wish
    held = forbidden(memory, module.name, kind_of(wish.request), _options(wish.request))
    return wish if held is None else _Wish(left=held.message)


def _options(request: Request) -> str:
    """As an intent of it has them."""
    match request:
        case LoadRequest(options=options):
            return options
        case WriteRequest(parameters=parameters):
            return written(parameters)
    return ""


def _wish(module: _Module) -> _Wish:
    if module.seen is None:
        return _loaded_again(module)
    if _is_moving(module.seen):
        return _Wish(left=f"it is {module.seen.state}")
    ours = is_ours(module.before, module.seen, module.record)
    if not module.before.instance:
        return _Wish(UnloadRequest(module.name)) if ours else _Wish()
    if module.seen.instance == module.before.instance or ours:
        return _compared(module, module.seen)
    return _Wish()  # others have loaded it since


def _loaded_again(module: _Module) -> _Wish:
    """If kmodd took it out."""
    before = module.before
    if not before.instance or not before.out:
        return _Wish()
    if not module.info.path:
        return _Wish(left="there is no file any more to load it from")
    given = {same_name(p.name): p for p in (*module.desired.parameters, *before.given)}
    parameters = tuple(given.values())
    options = options_string(module.info.options, parameters)
    return _Wish(LoadRequest(module.name, module.info.path, options), parameters)


def _compared(module: _Module, seen: ObservedModule) -> _Wish:
    """It is in the kernel as it was; parameters that kmodd has changed are put back."""
    changed, unknown = _changed(module, seen)
    files = {same_name(name): name for name in seen.writable}
    writable = tuple(p for p in settable(changed) if same_name(p.name) in files)
    stuck = [p.name for p in changed if p not in writable]
    is_other = seen.instance != module.before.instance
    if stuck and is_other and module.before.tries < RELOAD_TRIES:
        return _reloaded(module, changed)
    left = [*unknown, *stuck]
    if writable and module.before.tries < MOST_TRIES:
        write = tuple(Parameter(files[same_name(p.name)], p.value) for p in writable)
        return _Wish(WriteRequest(module.name, write), write)
    left += [p.name for p in writable]
    return _Wish(left=f"{', '.join(left)} cannot be put back") if left else _Wish()


def _reloaded(module: _Module, changed: Iterable[Parameter]) -> _Wish:
    """Parameters that are taken at a load only: take it out; the next round loads it with them."""
    kept = {same_name(p.name): p for p in (*module.before.given, *settable(changed))}
    before = module.before._replace(given=tuple(kept.values()))
    return _Wish(UnloadRequest(module.name), before=before)


def _changed(module: _Module, seen: ObservedModule) -> tuple[tuple[Parameter, ...], tuple[str, ...]]:
    """Parameters that are not as they were through kmodd, with what they were; and those of which that is
    not known."""
    before, found = module.before, {same_name(name): text for name, text in seen.parameters.items()}
    was = {same_name(p.name): p for p in (*before.given, *before.parameters)}
    kinds = {same_name(name): kind for name, kind in module.info.parameter_types}
    ours = {same_name(p.name): p.value for p in module.record.parameters} if module.record else {}
    is_other = seen.instance != before.instance
    names = was.keys() | ours.keys() | before.written if is_other else before.written
    changed: list[Parameter] = []
    unknown: list[str] = []
    for name in sorted(names):
        # What cannot be read is as kmodd has set it.
        now = found.get(name, ours.get(name))
        if name not in was:
            unknown.append(name)
        elif now is None or not equal(kinds.get(name, ""), was[name].value, now):
            changed.append(was[name])
    return tuple(changed), tuple(unknown)


def _spared(
    wishes: Mapping[ModuleName, _Wish],
    observed: ObservedModules,
    users: Mapping[ModuleName, tuple[User, ...]],
    wanted: Container[ModuleName],
) -> dict[ModuleName, _Wish]:
    """``wishes`` without the removal of what is in use by anything that does not go as well.

    If the files want it in the kernel (``wanted``), that is no loss to tell of.
    """
    kept = dict(wishes)
    while True:
        going = {name for name, wish in kept.items() if isinstance(wish.request, UnloadRequest)}
        in_use = {n: who for n in sorted(going) if (who := _users(observed[n], going, users.get(n, ())))}
        if not in_use:
            return kept
        for name, who in in_use.items():
            kept[name] = _Wish(left="" if name in wanted else f"it is in use by {', '.join(who)}")


def _users(seen: ObservedModule, going: Container[ModuleName], users: Iterable[User]) -> tuple[str, ...]:
    """Who keeps it in the kernel, or would be cut off. The rest of the references may be its holders'."""
    if seen.permanent:
        return ("the kernel, for good",)
    holders = [holder for holder in seen.holders if holder not in going]
    found = [user for user in users if user.references or user.kind == "interface"]
    rest = seen.refcount - len(seen.holders) - sum(user.references for user in found)
    unknown = [f"unattributed: {rest}"] if rest > 0 and not seen.holders else []
    return (*holders, *(user.text for user in found), *unknown)


def _steps(wishes: Mapping[ModuleName, _Wish], observed: ObservedModules, infos: Infos) -> tuple[Step, ...]:
    """Holders before what they hold, needs before what needs them."""
    requests = {name: wish.request for name, wish in wishes.items() if wish.request is not None}
    strong: dict[ModuleName, tuple[ModuleName, ...]] = {}
    for name, request in requests.items():
        first: tuple[ModuleName, ...] = ()
        if isinstance(request, UnloadRequest):
            first = observed[name].holders
        elif isinstance(request, LoadRequest):
            first = infos[name].dependencies
        strong[name] = tuple(other for other in first if type(requests.get(other)) is type(request))
    sequence = TopologicalSorter(strong).static_order()
    return tuple(_step(requests[n], wishes[n].parameters, strong[n], observed.get(n)) for n in sequence)


def _step(
    request: Request,
    parameters: tuple[Parameter, ...],
    strong: tuple[ModuleName, ...],
    seen: ObservedModule | None,
) -> Step:
    is_write = isinstance(request, WriteRequest)
    words = " ".join(map(assignment, parameters)) if is_write else ""
    detail = request.options if isinstance(request, LoadRequest) else words
    refcount = seen.refcount if seen else 0
    kind = kind_of(request)
    return Step(request.module, kind, request, REASON, detail, parameters, strong, refcount=refcount)
