"""A module that is not to be in the kernel: its verdict, and the step that takes it out. Never by force."""

from kmodd.action import ActionKind
from kmodd.core.crash_guard import stuck
from kmodd.core.denial import absent, builtin_denied
from kmodd.core.draft import OTHERS_BUSY_US, SLOW_S, Draft, Step, Verdict
from kmodd.core.order import Order
from kmodd.core.resolve import DesiredModule
from kmodd.core.users import at_work, references, serves
from kmodd.model import Desired, ObservedModule, UnloadRequest
from kmodd.names import ModuleName
from kmodd.shown import Condition, ModuleState


def plan_removal(draft: Draft, module: DesiredModule, order: Order) -> Verdict:
    """Verdict on a module that is not to be in the kernel; adds its step where one can be taken now."""
    seen = draft.observed.get(module.name)
    if draft.info(module.name).builtin:
        if module.desired is Desired.DENIED:
            return builtin_denied(draft, module)
        return Verdict(Condition.CONFLICT, "it is built into this kernel, and nothing can take it out")
    if module.name in draft.memory.in_flight:
        return _in_flight(draft, module.name)
    return _absent(draft, module) if seen is None else _unload(draft, module, seen, order)


def _absent(draft: Draft, module: DesiredModule) -> Verdict:
    if module.desired is Desired.DENIED:
        return absent(draft, module)
    if module.unmet:
        return Verdict(Condition.CONDITION_UNMET, module.unmet)
    replaced = f"; replaced by {', '.join(module.replaced_by)}" if module.replaced_by else ""
    return Verdict(Condition.IN_SYNC, f"not in the kernel{replaced}")


def why_removed(module: DesiredModule) -> str:
    """Why kmodd wants it out: a few words."""
    if module.replaced_by:
        return f"replaced by {', '.join(module.replaced_by)}"
    return "its last device has gone" if module.unmet else f"declared {module.desired}"


def _in_flight(draft: Draft, name: ModuleName) -> Verdict:
    due_us = draft.memory.in_flight[name].since_us + int(SLOW_S * 1e6)
    if draft.now_us < due_us:
        draft.wakes.append(due_us)
        return Verdict(Condition.LOADING, "an action on it is under way")
    return Verdict(Condition.LOADING_SLOW, f"an action on it has taken more than {SLOW_S:g} s; it goes on")


def _unload(draft: Draft, module: DesiredModule, seen: ObservedModule, order: Order) -> Verdict:
    condition = Condition.DENIED_BUT_LOADED if module.desired is Desired.DENIED else Condition.IN_USE
    why = _immovable(draft, seen)
    if why:
        return Verdict(condition, why)
    users = _foreign_users(draft, module, seen)
    if users:
        draft.look_again(seen.name)
        return Verdict(condition, f"in use by {', '.join(users)}{serves(draft, seen.name)}", blockers=users)
    held = draft.held_back(module.name, ActionKind.UNLOAD)
    if held is not None:
        hopeless = held.condition is Condition.FAILED and condition is Condition.IN_USE
        is_said = hopeless or held.condition is Condition.QUARANTINED
        return Verdict(held.condition if is_said else condition, held.message)
    strong = tuple(holder for holder in seen.holders if holder in draft.coming)
    weak = tuple(name for name in order.weak[module.name] if name in draft.coming)
    request = UnloadRequest(module.name)
    why, refcount = why_removed(module), seen.refcount
    draft.add(Step(module.name, ActionKind.UNLOAD, request, why, strong=strong, weak=weak, refcount=refcount))
    return Verdict(condition, f"to be unloaded: {why_removed(module)}")


def _immovable(draft: Draft, seen: ObservedModule) -> str:
    """Why nobody can take it out now; "" if one can try."""
    if seen.permanent:
        return "it can never be unloaded: it has no exit function, or this kernel unloads none"
    crashed = stuck(draft, seen.name)
    if crashed is not None:
        return crashed.message
    if seen.state is not ModuleState.LOADED:
        draft.wakes.append(draft.now_us + OTHERS_BUSY_US)
        return f"it is {seen.state}, but not by kmodd"
    return ""


def _goes(draft: Draft, holder: ModuleName) -> bool:
    """Whether it is on its way out: to be removed, with a step or under way."""
    other = draft.desired.modules.get(holder)
    return other is not None and other.to_remove and holder in draft.leaving


def _foreign_users(draft: Draft, module: DesiredModule, seen: ObservedModule) -> tuple[str, ...]:
    """Who keeps it in the kernel, apart from holders that are just about to go as well.

    A file that says that it is not to be there outweighs what merely works with it; a device that has gone or
    a module that takes its place does not.
    """
    holders = [holder for holder in seen.holders if not _goes(draft, holder)]
    spared = module.unmet or (module.replaced_by and not _is_declared_absent(module))
    return (*holders, *references(draft, seen), *(at_work(draft, seen) if spared else ()))


def _is_declared_absent(module: DesiredModule) -> bool:
    states = (Desired.UNLOADED, Desired.DENIED)
    return module.declaration is not None and module.declaration.state in states
