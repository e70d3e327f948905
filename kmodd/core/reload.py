"""The last rung of the parameter ladder: out and in again, with the holders that kmodd itself manages."""

from kmodd.action import ActionKind
from kmodd.core.draft import Draft, Step, Verdict
from kmodd.core.resolve import DesiredModule, strong_needs
from kmodd.core.users import at_work, references, serves
from kmodd.model import Desired, ObservedModule, UnloadRequest
from kmodd.names import ModuleName
from kmodd.shown import Condition, ModuleState


def plan_reload(draft: Draft, seen: ObservedModule, gap: Verdict) -> Verdict:
    """Steps that take it out, holders first; the next plan finds all of them absent and loads them.

    What stands between the two, a crash included, is written down: a step is ``owed`` its load.
    """
    if seen.permanent:
        return _pending(Condition.REBOOT_PENDING, gap, "it can never be unloaded", ())
    if seen.state is not ModuleState.LOADED:
        return gap
    chain = _chain(draft, seen.name)
    blockers = tuple(dict.fromkeys(text for name in chain for text in _blockers(draft, name)))
    if blockers:
        draft.look_again(seen.name)
        waits = f"a reload waits for {', '.join(blockers)}{serves(draft, seen.name)}"
        return _pending(Condition.RELOAD_PENDING, gap, waits, blockers)
    for name in chain:
        # What is not to be loaded yet would only be out for so long.
        back = draft.options(draft.desired.modules[name])
        held = draft.held_back(name, ActionKind.UNLOAD) or draft.held_back(name, ActionKind.LOAD, back)
        if held is not None:
            return _pending(Condition.RELOAD_PENDING, gap, held.message, ())
    for name in chain:
        if name in draft.leaving:
            continue
        reason = "to be loaded again with other parameters"
        if name != seen.name:
            reason = f"to be loaded again after {seen.name}"
            draft.verdicts[name] = Verdict(Condition.LOADING, f"it is {reason}")
        draft.withdraw(name)
        draft.add(_out(draft, draft.observed[name], reason))
        draft.reachable.discard(name)
        draft.unsettled.add(name)
    return _pending(Condition.LOADING, gap, "it is being reloaded", ())


def _out(draft: Draft, seen: ObservedModule, reason: str) -> Step:
    strong = tuple(holder for holder in seen.holders if holder in draft.leaving)
    request = UnloadRequest(seen.name)
    return Step(
        seen.name, ActionKind.UNLOAD, request, reason, strong=strong, owed=True, refcount=seen.refcount
    )


def _pending(condition: Condition, gap: Verdict, why: str, blockers: tuple[str, ...]) -> Verdict:
    return Verdict(condition, f"{gap.message}; {why}", gap.drift, blockers)


def _chain(draft: Draft, name: ModuleName) -> list[ModuleName]:
    """``name`` and all that hold it, directly or not, each after those that hold it itself.

    A list of modules that was read in two pieces may say anything, circles too.
    """
    found: list[ModuleName] = []
    entered = {name}

    def visit(module: ModuleName) -> None:
        seen = draft.observed.get(module)
        for holder in seen.holders if seen else ():
            if holder not in entered:
                entered.add(holder)
                visit(holder)
        found.append(module)

    visit(name)
    return found


def _blockers(draft: Draft, name: ModuleName) -> tuple[str, ...]:
    """What keeps one module of the chain from being taken out for a moment."""
    seen = draft.observed.get(name)
    if seen is None:
        return (f"{name} (it comes or goes at this moment)",)
    why = _untouchable(draft, seen)
    return (f"{name} ({why})",) if why else (*references(draft, seen), *at_work(draft, seen))


def _untouchable(draft: Draft, seen: ObservedModule) -> str:
    """Why it may not be taken out, or would not come back."""
    module = draft.desired.modules.get(seen.name)
    if module is None:
        return "not managed by kmodd"
    if module.skipped or module.barred:
        return module.barred or "left alone by kmodd.skip="
    if seen.permanent:
        return "it can never be unloaded"
    if seen.state is not ModuleState.LOADED or seen.name in draft.memory.in_flight:
        return f"it is {seen.state}, and something is under way"
    return "" if module.to_remove else _lost(draft, module)


def _lost(draft: Draft, module: DesiredModule) -> str:
    """Why one that is in the kernel could not be loaded again; "" if it could (core/obstacles.py)."""
    info = draft.info(module.name)
    if not info.path or info.install_command or _needs_itself(draft, module):
        return "it could not be loaded again"
    for need in strong_needs(module, draft.infos):
        if not _is_usable(draft, need):
            return f"it could not be loaded again without {need}"
    replaced = module.declaration.replaces if module.declaration else ()
    coming = [other for other in replaced if other in draft.order.strong]
    present = filter(draft.is_in, (*replaced, *draft.rivals.get(module.name, ())))
    beside = sorted((*coming, *present))
    return f"it could not be loaded again beside {beside[0]}" if beside else ""


def _is_usable(draft: Draft, need: ModuleName) -> bool:
    other = draft.desired.modules.get(need)
    stays = other is None or not other.to_remove
    return draft.is_live(need) and stays and need not in draft.desired.unready


def _needs_itself(draft: Draft, module: DesiredModule) -> bool:
    """Whether its dependencies and requirements lead back to it, which no file alone shows."""
    found: set[ModuleName] = set()
    rest = [module.name]
    while rest:
        name = rest.pop()
        other = draft.desired.modules.get(name) or DesiredModule(name, Desired.AUTO)
        fresh = set(strong_needs(other, draft.infos)) - found
        found |= fresh
        rest += fresh
    return module.name in found
