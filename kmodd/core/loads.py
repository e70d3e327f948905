"""A module that is to be in the kernel: its verdict, and the step that brings it there."""

from kmodd.action import ActionKind
from kmodd.core.crash_guard import stuck
from kmodd.core.draft import OTHERS_BUSY_US, Draft, Step, Verdict
from kmodd.core.memory import Flight
from kmodd.core.obstacles import beside_a_rival, obstacle
from kmodd.core.readiness import awaited
from kmodd.core.resolve import DesiredModule, strong_needs
from kmodd.core.upkeep import compared
from kmodd.model import Declaration, Desired, LoadRequest, ModuleInfo, ObservedModule
from kmodd.names import ModuleName
from kmodd.shown import Condition, FailureCode, ModuleState

HUNG_TIMES = 10
"""A load that takes so many times its load_timeout is called hung."""

_TO_BE_LOADED = Verdict(Condition.LOADING, "to be loaded")


def plan_load(draft: Draft, module: DesiredModule) -> Verdict:
    """Verdict on a module that is to be in the kernel; adds its step where one can be taken now."""
    info = draft.info(module.name)
    seen = draft.observed.get(module.name)
    flight = draft.memory.in_flight.get(module.name)
    if flight is not None and flight.kind is not ActionKind.WRITE:
        return _in_flight(draft, module)
    if module.name in draft.leaving:
        return draft.verdicts[module.name]
    if info.builtin:
        return _usable(draft, module, seen, Verdict(Condition.BUILTIN, "built into this kernel"))
    if seen is not None and seen.state is ModuleState.LOADED:
        return _usable(draft, module, seen, Verdict(Condition.IN_SYNC, why_loaded(module)))
    if seen is not None:
        draft.unsettled.add(module.name)
        return stuck(draft, module.name) or _others_busy(draft, seen)
    return obstacle(draft, module, info) or _load(draft, module, info)


def _usable(draft: Draft, module: DesiredModule, seen: ObservedModule | None, good: Verdict) -> Verdict:
    """It is in the kernel: others can go on once it is ready; its parameters are looked after in any case."""
    waiting = awaited(draft, module)
    if waiting is None:
        draft.reachable.add(module.name)
    verdict = compared(draft, module, seen, beside_a_rival(draft, module) or good)
    if waiting is None:
        return verdict
    return waiting if verdict is good else verdict._replace(message=f"{verdict.message}; {waiting.message}")


def why_loaded(module: DesiredModule) -> str:
    """Why kmodd wants it in the kernel: a few words."""
    if not module.pulled_by:
        return "kmodd took it out to load it again" if module.owed else "declared"
    declared = module.declaration is not None and module.declaration.state is Desired.LOADED
    pullers = ", ".join(module.pulled_by[:5]) + (", ..." if len(module.pulled_by) > 5 else "")
    return f"declared, and needed by {pullers}" if declared else f"needed by {pullers}"


def _others_busy(draft: Draft, seen: ObservedModule) -> Verdict:
    """It is on its way in or out, and no action of ours is: nothing to be done before that has ended."""
    draft.wakes.append(draft.now_us + OTHERS_BUSY_US)
    if seen.state is ModuleState.UNLOADING:
        return Verdict(
            Condition.BACKING_OFF, "it is being unloaded, but not by kmodd; it is loaded after that"
        )
    attempt = draft.memory.attempts.get(seen.name)
    if attempt is not None and attempt.kind is ActionKind.LOAD:
        return Verdict(Condition.LOADING, "its init goes on, and the process that loaded it has ended")
    return Verdict(Condition.LOADING, "it is being loaded, but not by kmodd")


def _in_flight(draft: Draft, module: DesiredModule) -> Verdict:
    declaration = module.declaration or Declaration(module.name)
    flight = draft.memory.in_flight[module.name]
    draft.unsettled.add(module.name)
    if flight.kind is ActionKind.UNLOAD:
        return Verdict(Condition.LOADING, "being taken out; it is loaded after that")
    if declaration.ready is None:
        draft.unsettled.discard(module.name)
        draft.reachable.add(module.name)
    return _under_way(draft, flight, declaration.load_timeout_s)


def _under_way(draft: Draft, flight: Flight, timeout_s: float) -> Verdict:
    """Loading, slow, or hung: what nobody can end is only called by its name."""
    slow_us, hung_us = (flight.since_us + int(times * timeout_s * 1e6) for times in (1, HUNG_TIMES))
    if draft.now_us < slow_us:
        draft.wakes.append(slow_us)
        return Verdict(Condition.LOADING, "being loaded")
    if draft.now_us < hung_us:
        draft.wakes.append(hung_us)
        message = f"loading has taken more than {timeout_s:g} s; it goes on"
        return Verdict(Condition.LOADING_SLOW, message)
    message = (
        f"{FailureCode.HUNG}: its init has not come back for more than {HUNG_TIMES * timeout_s:g} s; it is "
        "not loaded again meanwhile, and only it or a reboot can end that"
    )
    return Verdict(Condition.LOADING_SLOW, message)


def _load(draft: Draft, module: DesiredModule, info: ModuleInfo) -> Verdict:
    declaration = module.declaration or Declaration(module.name)
    options = draft.options(module)
    rivals = tuple(draft.rivals.get(module.name, ()))
    draft.add(
        Step(
            module.name,
            ActionKind.LOAD,
            LoadRequest(module.name, info.path, options),
            why_loaded(module),
            options,
            module.parameters,
            _still_coming(draft, draft.order.strong[module.name] + declaration.replaces + rivals),
            _still_coming(draft, draft.order.weak[module.name]),
            declaration.load_timeout_s,
            _not_builtin(draft, strong_needs(module, draft.infos)),
        )
    )
    # What is to be ready first is seen to be so by a later look only.
    (draft.unsettled if declaration.ready else draft.reachable).add(module.name)
    return _TO_BE_LOADED


def _still_coming(draft: Draft, needs: tuple[ModuleName, ...]) -> tuple[ModuleName, ...]:
    if draft.coming.issuperset(needs):
        return needs
    return tuple(need for need in needs if need in draft.coming)


def _not_builtin(draft: Draft, needs: tuple[ModuleName, ...]) -> tuple[ModuleName, ...]:
    builtin = tuple(filter(draft.is_builtin, needs))
    return tuple(need for need in needs if need not in builtin) if builtin else needs
