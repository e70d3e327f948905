"""A module that is in the kernel: whether the declared parameters are in force, as far as can be known."""

from collections.abc import Iterable

from kmodd.core.draft import Draft, Verdict
from kmodd.core.parameters import drifted, same_name
from kmodd.core.resolve import DesiredModule
from kmodd.model import ModuleInfo, ObservedModule, Parameter
from kmodd.names import ModuleName
from kmodd.shown import Condition, ModuleState


def guarded(draft: Draft, module: DesiredModule) -> Verdict:
    """``auto``: others load it or not; its parameters are looked at when it is there."""
    seen = draft.observed.get(module.name)
    if seen is not None and seen.state in (ModuleState.LOADED, ModuleState.BUILTIN):
        in_sync = Verdict(Condition.IN_SYNC, "in the kernel; kmodd guards its parameters")
        verdict = compared(draft, module, seen, in_sync)
        if verdict is not in_sync:
            return verdict
    if module.unmet:
        return Verdict(Condition.CONDITION_UNMET, module.unmet)
    return Verdict(Condition.IN_SYNC, "left to others; kmodd guards its parameters")


def compared(draft: Draft, module: DesiredModule, seen: ObservedModule | None, in_sync: Verdict) -> Verdict:
    """``in_sync`` if every declared parameter is in force, else what is not or cannot be known."""
    if not module.parameters:
        return in_sync
    info, found = draft.info(module.name), seen.parameters if seen else {}
    unknown = _unknown(module.parameters, info, found)
    if unknown:
        return Verdict(Condition.FAILED, f"bad-parameter: {module.name} has no parameter {unknown!r}")
    drift, unreadable = drifted(module.parameters, found, dict(info.parameter_types))
    if drift:
        texts = ", ".join(f"{d.parameter} is {d.found!r}, wanted {d.wanted!r}" for d in drift)
        return Verdict(Condition.DRIFTED, texts, drift)
    loaded_with = _values_of_our_load(draft, module.name, seen)
    unproven = [p.name for p in module.parameters if p.name in unreadable and p not in loaded_with]
    if unproven:
        names = ", ".join(unproven)
        return Verdict(Condition.UNVERIFIABLE, f"cannot be read back and was not set by kmodd: {names}")
    return in_sync


def _unknown(wanted: Iterable[Parameter], info: ModuleInfo, found: Iterable[str]) -> str:
    """The first parameter that the module does not have; "" where it has all, or nobody can tell.

    One with operations of its own has no type in modinfo (module_param_cb), but mostly a file in sysfs.
    """
    if not (info.exists and info.has_modinfo):
        return ""
    known = {same_name(name) for name in (*dict(info.parameter_types), *found)}
    return next((p.name for p in wanted if same_name(p.name) not in known), "")


def _values_of_our_load(draft: Draft, name: ModuleName, seen: ObservedModule | None) -> frozenset[object]:
    """Parameters with which kmodd itself loaded this very instance in this boot."""
    record = draft.memory.loads.get(name)
    if record is None or seen is None or record.instance != seen.instance:
        return frozenset()
    return frozenset(record.parameters)
