"""A module that is in the kernel: whether the declared parameters are in force, as far as can be known."""

from collections.abc import Iterable, Mapping

from kmodd.action import ActionKind
from kmodd.core.draft import Draft, Verdict
from kmodd.core.memory import LoadRecord
from kmodd.core.parameters import drifted, same_name
from kmodd.core.resolve import DesiredModule
from kmodd.model import ModuleInfo, ObservedModule, Parameter
from kmodd.shown import Condition, FailureCode, ModuleState

_LEFT_ALONE = Verdict(Condition.IN_SYNC, "left to others; kmodd guards its parameters")


def guarded(draft: Draft, module: DesiredModule) -> Verdict:
    """``auto``: others load it or not; its parameters are looked after when it is there."""
    seen = draft.observed.get(module.name)
    if module.name in draft.leaving and module.name in draft.verdicts:
        return draft.verdicts[module.name]  # it goes and comes with one that is reloaded
    good = Verdict(Condition.CONDITION_UNMET, module.unmet) if module.unmet else _LEFT_ALONE
    if seen is None or seen.state not in (ModuleState.LOADED, ModuleState.BUILTIN):
        return good
    draft.reachable.add(module.name)
    return compared(draft, module, seen, good)


def compared(draft: Draft, module: DesiredModule, seen: ObservedModule | None, in_sync: Verdict) -> Verdict:
    """``in_sync`` if every declared parameter is in force, else what is not, and what is done about it."""
    if not module.parameters:
        return in_sync
    flight = draft.memory.in_flight.get(module.name)
    if flight is not None and flight.kind is ActionKind.WRITE:
        return Verdict(Condition.DRIFTED, "its parameters are being written")
    info, found = draft.info(module.name), seen.parameters if seen else {}
    known = (*found, *(seen.writable if seen else ()))
    unknown = _unknown(module.parameters, info, known)
    if unknown:
        sentence = (
            f"{module.name} has no parameter {unknown!r}; correct it, `modinfo -p` lists those that it has"
        )
        return Verdict(Condition.FAILED, f"{FailureCode.BAD_PARAMETER}: {sentence}")
    types, record = dict(info.parameter_types), draft.memory.record(seen)
    lost = _ignored(module.parameters, record, seen, types)
    wanted = tuple(p for p in module.parameters if p not in lost)
    drift, unreadable = drifted(wanted, found, types)
    ours = frozenset(record.parameters) if record else frozenset()
    unproven = tuple(p for p in wanted if p.name in unreadable and p not in ours)
    if drift or unproven:
        from kmodd.core.ladder import Gap, mend  # noqa: PLC0415  (daemon/later.py)

        verdict = mend(draft, module, Gap(seen, record, drift, unproven))
        return verdict._replace(message=f"{verdict.message}; {_lost(lost)}") if lost else verdict
    if lost:
        return Verdict(Condition.FAILED, f"{FailureCode.BAD_PARAMETER}: {_lost(lost)}")
    attempt = draft.memory.attempts.get(module.name)
    if attempt is not None and attempt.kind is ActionKind.WRITE:
        draft.mended.add(module.name)
    return in_sync


def _ignored(
    wanted: Iterable[Parameter],
    record: LoadRecord | None,
    seen: ObservedModule | None,
    types: Mapping[str, str],
) -> tuple[Parameter, ...]:
    """What the kernel ignored when kmodd loaded this instance, and what only another load could set.

    One that can be written is no loss, and neither is one that reads as it is to be.
    """
    if record is None or seen is None or not record.ignored:
        return ()
    writable = frozenset(map(same_name, seen.writable))
    given = [p for p in wanted if p in record.ignored and same_name(p.name) not in writable]
    drift, unreadable = drifted(given, seen.parameters, types)
    names = {*(d.parameter for d in drift), *unreadable}
    return tuple(p for p in given if p.name in names)


def _lost(parameters: Iterable[Parameter]) -> str:
    names = ", ".join(p.name for p in parameters)
    return (
        f"the kernel ignored {names} at loading; correct the name, or what modprobe.d puts before it, and "
        "load the module anew"
    )


def _unknown(wanted: Iterable[Parameter], info: ModuleInfo, found: Iterable[str]) -> str:
    """The first parameter that the module does not have; "" where it has all, or nobody can tell.

    One with operations of its own has no type in modinfo (module_param_cb), but mostly a file in sysfs.
    """
    if not (info.exists and info.has_modinfo):
        return ""
    known = {same_name(name) for name in (*dict(info.parameter_types), *found)}
    return next((p.name for p in wanted if same_name(p.name) not in known), "")
