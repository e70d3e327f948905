"""A module that is not to be in the kernel: its verdict, and the step that takes it out. Never by force."""

from graphlib import TopologicalSorter

from kmodd.core.draft import OTHERS_BUSY_US, SLOW_S, Draft, Step, Verdict
from kmodd.core.resolve import DesiredModule
from kmodd.model import Desired, ObservedModule, UnloadRequest
from kmodd.names import ModuleName
from kmodd.shown import ActionKind, Condition, ModuleState


def plan_removal(draft: Draft, module: DesiredModule) -> Verdict:
    """Verdict on a module that is not to be in the kernel; adds its step where one can be taken now."""
    seen = draft.observed.get(module.name)
    denied = module.desired is Desired.DENIED
    if draft.info(module.name).builtin:
        condition = Condition.DENIED_BUILTIN if denied else Condition.CONFLICT
        return Verdict(condition, "it is built into this kernel, and nothing can take it out")
    if module.name in draft.memory.in_flight:
        return _in_flight(draft, module.name)
    if seen is not None:
        return _unload(draft, module, seen)
    if denied:
        return Verdict(
            Condition.UNVERIFIABLE, "not in the kernel; this version does not yet keep others from loading it"
        )
    return Verdict(Condition.IN_SYNC, "not in the kernel")


def _in_flight(draft: Draft, name: ModuleName) -> Verdict:
    due_us = draft.memory.in_flight[name] + int(SLOW_S * 1e6)
    if draft.now_us < due_us:
        draft.wakes.append(due_us)
        return Verdict(Condition.LOADING, "an action on it is under way")
    return Verdict(Condition.LOADING_SLOW, f"an action on it has taken more than {SLOW_S:g} s; it goes on")


def _unload(draft: Draft, module: DesiredModule, seen: ObservedModule) -> Verdict:
    stuck = Condition.DENIED_BUT_LOADED if module.desired is Desired.DENIED else Condition.IN_USE
    if seen.permanent:
        return Verdict(
            stuck, "it can never be unloaded: it has no exit function, or this kernel unloads none"
        )
    if seen.state is not ModuleState.LOADED:
        draft.wakes.append(draft.now_us + OTHERS_BUSY_US)
        return Verdict(stuck, f"it is {seen.state}, but not by kmodd")
    users = _foreign_users(draft, seen)
    if users:
        return Verdict(stuck, f"in use by {', '.join(users)}", blockers=users)
    held = draft.held_back(module.name, ActionKind.UNLOAD)
    if held is not None:
        return Verdict(stuck, held.message)
    reason = f"declared {module.desired}"
    draft.add(
        Step(module.name, ActionKind.UNLOAD, UnloadRequest(module.name), reason, strong=tuple(seen.holders))
    )
    return Verdict(stuck, "to be unloaded")


def _goes(draft: Draft, holder: ModuleName) -> bool:
    """Whether it is on its way out: to be removed, with a step or under way."""
    other = draft.desired.modules.get(holder)
    return other is not None and other.to_remove and holder in draft.coming


def _foreign_users(draft: Draft, seen: ObservedModule) -> tuple[str, ...]:
    """Who keeps it in the kernel, apart from holders that are just about to go as well."""
    users = [holder for holder in seen.holders if not _goes(draft, holder)]
    others = seen.refcount - len(seen.holders)
    return (*users, *((f"unattributed: {others}",) if others > 0 else ()))


def holders_first(draft: Draft) -> list[DesiredModule]:
    """What is not to be in the kernel, each after those that hold it; else by name."""
    removals = {name: module for name, module in draft.desired.modules.items() if module.to_remove}
    sorter: TopologicalSorter[ModuleName] = TopologicalSorter()
    for name in sorted(removals):
        seen = draft.observed.get(name)
        sorter.add(name, *(holder for holder in sorted(seen.holders if seen else ()) if holder in removals))
    return [removals[name] for name in sorter.static_order()]
