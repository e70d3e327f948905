"""A module that is to be in the kernel: its verdict, and the step that brings it there."""

from kmodd.core.draft import OTHERS_BUSY_US, Draft, Step, Verdict
from kmodd.core.parameters import options_string
from kmodd.core.resolve import DesiredModule, strong_needs
from kmodd.core.upkeep import compared
from kmodd.model import Declaration, Desired, LoadRequest, ModuleInfo, ObservedModule
from kmodd.names import ModuleName
from kmodd.shown import ActionKind, Condition, ModuleState


def plan_load(draft: Draft, module: DesiredModule) -> Verdict:
    """Verdict on a module that is to be in the kernel; adds its step where one can be taken now."""
    info = draft.info(module.name)
    seen = draft.observed.get(module.name)
    if module.name in draft.memory.in_flight:
        return _in_flight(draft, module)
    if info.builtin:
        draft.reachable.add(module.name)
        return compared(draft, module, seen, Verdict(Condition.BUILTIN, "built into this kernel"))
    if seen is not None and seen.state is ModuleState.LOADED:
        draft.reachable.add(module.name)
        return compared(draft, module, seen, Verdict(Condition.IN_SYNC, why_loaded(module)))
    if seen is not None:
        return _others_busy(draft, seen)
    return _obstacle(draft, module, info) or _load(draft, module, info)


def why_loaded(module: DesiredModule) -> str:
    """Why kmodd wants it in the kernel: a few words."""
    declared = module.declaration is not None and module.declaration.state is Desired.LOADED
    pullers = ", ".join(module.pulled_by[:5]) + (", ..." if len(module.pulled_by) > 5 else "")
    if not pullers:
        return "declared"
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
    due_us = draft.memory.in_flight[module.name] + int(declaration.load_timeout_s * 1e6)
    if draft.now_us < due_us:
        draft.wakes.append(due_us)
        return Verdict(Condition.LOADING, "being loaded")
    return Verdict(
        Condition.LOADING_SLOW, f"loading has taken more than {declaration.load_timeout_s:g} s; it goes on"
    )


def _obstacle(draft: Draft, module: DesiredModule, info: ModuleInfo) -> Verdict | None:
    """What keeps an absent module from being loaded now; None if nothing does."""
    if not info.path:
        return Verdict(Condition.MISSING, _why_missing(info))
    if info.install_command:
        return Verdict(
            Condition.CONFLICT,
            f"modprobe.d has an install command for it, which kmodd does not run: {info.install_command}",
        )
    if module.name in draft.order.cyclic:
        return Verdict(Condition.CONFLICT, "it needs itself, by way of its dependencies and requirements")
    return draft.held_back(module.name, ActionKind.LOAD) or _missing_need(draft, module)


def _why_missing(info: ModuleInfo) -> str:
    if info.alias_of:
        return f"it is not a module but an alias of {', '.join(info.alias_of)}; name that instead"
    return "the running kernel has no module of this name"


def _missing_need(draft: Draft, module: DesiredModule) -> Verdict | None:
    for need in strong_needs(module, draft.infos):
        other = draft.desired.modules.get(need)
        if other is not None and other.to_remove:
            return Verdict(Condition.CONFLICT, f"it needs {need}, which is declared {other.desired}")
        if need not in draft.reachable and need not in draft.memory.in_flight:
            verdict = draft.verdicts.get(need)
            state = f", which is {verdict.condition}: {verdict.message}" if verdict else ""
            return Verdict(Condition.WAITING_FOR_DEPENDENCY, f"it needs {need}{state}", blockers=(need,))
    return None


def _load(draft: Draft, module: DesiredModule, info: ModuleInfo) -> Verdict:
    options = options_string(info.options, module.parameters)
    draft.add(
        Step(
            module.name,
            ActionKind.LOAD,
            LoadRequest(module.name, info.path, options),
            why_loaded(module),
            options,
            module.parameters,
            _still_coming(draft, draft.order.strong[module.name]),
            _still_coming(draft, draft.order.weak[module.name]),
            (module.declaration or Declaration(module.name)).load_timeout_s,
            tuple(n for n in strong_needs(module, draft.infos) if not draft.info(n).builtin),
        )
    )
    draft.reachable.add(module.name)
    return Verdict(Condition.LOADING, "to be loaded")


def _still_coming(draft: Draft, needs: tuple[ModuleName, ...]) -> tuple[ModuleName, ...]:
    return tuple(need for need in needs if need in draft.coming)
