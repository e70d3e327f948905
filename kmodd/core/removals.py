"""A module that is not to be in the kernel: its verdict, and the step that takes it out. Never by force."""

from kmodd.core.draft import Draft, Step, Verdict
from kmodd.core.resolve import DesiredModule
from kmodd.model import ActionKind, Condition, Desired, ObservedModule, UnloadRequest


def plan_removal(draft: Draft, module: DesiredModule) -> Verdict:
    """Verdict on a module that is not to be in the kernel; adds its step where one can be taken now."""
    seen = draft.observed.get(module.name)
    denied = module.desired is Desired.DENIED
    if draft.info(module.name).builtin:
        return Verdict(Condition.DENIED_BUILTIN if denied else Condition.BUILTIN, "built into this kernel")
    if module.name in draft.memory.in_flight:
        return Verdict(Condition.LOADING, "being unloaded")
    if seen is not None:
        return _unload(draft, module, seen)
    if denied:
        return Verdict(Condition.UNVERIFIABLE, "not in the kernel; that nobody can load it is not proved")
    return Verdict(Condition.IN_SYNC, "not in the kernel")


def _unload(draft: Draft, module: DesiredModule, seen: ObservedModule) -> Verdict:
    stuck = Condition.DENIED_BUT_LOADED if module.desired is Desired.DENIED else Condition.IN_USE
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


def _foreign_users(draft: Draft, seen: ObservedModule) -> tuple[str, ...]:
    """Who keeps it in the kernel, apart from holders that are to go as well."""
    users: list[str] = []
    for holder in seen.holders:
        other = draft.desired.modules.get(holder)
        if other is None or not other.to_remove:
            users.append(holder)
    others = seen.refcount - len(seen.holders)
    return (*users, *((f"unattributed: {others}",) if others > 0 else ()))
