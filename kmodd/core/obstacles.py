"""What keeps an absent module from being loaded now, in the order in which a person would want to know."""

from kmodd.action import ActionKind
from kmodd.core.draft import Draft, Verdict
from kmodd.core.resolve import DesiredModule, strong_needs
from kmodd.model import ModuleInfo
from kmodd.names import ModuleName
from kmodd.shown import Condition


def obstacle(draft: Draft, module: DesiredModule, info: ModuleInfo) -> Verdict | None:
    """The first obstacle; None if there is none."""
    if not info.path:
        return Verdict(Condition.MISSING, _why_missing(info))
    if module.barred:
        return Verdict(Condition.CONFLICT, f"{module.barred} on the kernel command line forbids it")
    if info.install_command:
        return Verdict(Condition.CONFLICT, _foreign_command(info))
    if module.name in draft.order.cyclic:
        return Verdict(Condition.CONFLICT, "it needs itself, by way of its dependencies and requirements")
    return (
        draft.held_back(module.name, ActionKind.LOAD, draft.options(module))
        or _rival(draft, module)
        or _not_replaced(draft, module)
        or _missing_need(draft, module)
        or _unsettled(draft, module)
    )


def _why_missing(info: ModuleInfo) -> str:
    if info.alias_of:
        return f"it is not a module but an alias of {', '.join(info.alias_of)}; name that instead"
    meant = f"; did you mean {' or '.join(info.similar)}?" if info.similar else ""
    return f"the running kernel has no module of this name{meant}"


def _foreign_command(info: ModuleInfo) -> str:
    """Where it stands, if it was found: a person has to take it out."""
    lines = [str(line.location) for line in info.conf_lines if line.text.startswith("install")]
    place = f" ({', '.join(lines)})" if lines else ""
    return (
        f"modprobe.d has an install command for it{place}, which kmodd does not run: {info.install_command}"
    )


def _rival(draft: Draft, module: DesiredModule) -> Verdict | None:
    """``conflicts``: whoever is in the kernel, or comes first, stays, a reload included."""
    rivals = sorted(draft.rivals.get(module.name, ()))
    if not rivals:
        return None
    present = tuple(other for other in rivals if draft.is_in(other))
    is_owed = module.name in draft.memory.owed
    returning = () if is_owed else tuple(other for other in rivals if draft.returns(other))
    if not (present or returning):
        return None
    where = "is in the kernel" if present else "is being loaded again"
    names = present or returning
    return Verdict(Condition.CONFLICT, f"it conflicts with {', '.join(names)}, and that {where}", (), names)


def beside_a_rival(draft: Draft, module: DesiredModule) -> Verdict | None:
    """Somebody has loaded both of two that conflict: nothing is taken out for that, and it is said."""
    rivals = draft.rivals.get(module.name)
    if not rivals:
        return None
    present = tuple(n for n in sorted(rivals) if draft.is_live(n) and n not in draft.leaving)
    if not present:
        return None
    message = f"it conflicts with {', '.join(present)}, and both are in the kernel"
    return Verdict(Condition.CONFLICT, message, (), present)


def _not_replaced(draft: Draft, module: DesiredModule) -> Verdict | None:
    """``replaces``: what is still there and does not go keeps the new one out."""
    replaced = module.declaration.replaces if module.declaration else ()
    stays = tuple(other for other in replaced if draft.is_in(other))
    if not stays:
        return None
    verdict = draft.verdicts.get(stays[0])
    why = f", which is {verdict.condition}: {verdict.message}" if verdict else ""
    blockers = verdict.blockers if verdict and verdict.blockers else stays
    return Verdict(Condition.CONFLICT, f"it replaces {stays[0]}{why}", blockers=blockers)


def _missing_need(draft: Draft, module: DesiredModule) -> Verdict | None:
    for need in strong_needs(module, draft.infos):
        other = draft.desired.modules.get(need)
        if other is not None and other.to_remove:
            return Verdict(Condition.CONFLICT, f"it needs {need}, which is {_why_out(other)}")
        if need not in draft.reachable:
            message = f"it needs {need}{_state(draft, need)}"
            return Verdict(Condition.WAITING_FOR_DEPENDENCY, message, blockers=(need,))
    return None


def _why_out(module: DesiredModule) -> str:
    return "to go with its last device" if module.unmet else f"declared {module.desired}"


def _unsettled(draft: Draft, module: DesiredModule) -> Verdict | None:
    """``after``, ``wants``: order only, so that only what is on its way is waited for."""
    for name in draft.order.weak[module.name]:
        if name in draft.unsettled:
            message = f"it goes after {name}{_state(draft, name)}"
            return Verdict(Condition.WAITING_FOR_DEPENDENCY, message, (), (name,))
    return None


def _state(draft: Draft, name: ModuleName) -> str:
    verdict = draft.verdicts.get(name)
    return f", which is {verdict.condition}: {verdict.message}" if verdict else ""
