"""What is shown of each module: observed, desired and verdict together. All of it was read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter

from kmodd.action import ActionKind
from kmodd.core.draft import ObservedModules, Plan, Verdict
from kmodd.core.explain import mentioned, provenance
from kmodd.core.memory import Attempt, LoadRecord, Memory
from kmodd.core.resolve import DesiredModule, DesiredState
from kmodd.model import Declaration, Desired, Facts, ModuleInfo, ObservedModule
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import (
    EMPTY,
    Condition,
    DaemonState,
    Issue,
    ModuleState,
    ModuleStatus,
    Severity,
    Source,
)

Statuses = Mapping[ModuleName, ModuleStatus]

_condition = attrgetter("condition")

GOOD = frozenset(
    (
        Condition.IN_SYNC,
        Condition.CONDITION_UNMET,
        Condition.WAITING_FOR_HARDWARE,
        Condition.BUILTIN,
        Condition.DENIED,
        Condition.NOT_MANAGED,
    )
)
"""Conditions in which nothing is left to do or to say."""

UNDER_WAY = frozenset((Condition.LOADING, Condition.WAITING_FOR_DEPENDENCY, Condition.BACKING_OFF))
"""Conditions that pass by themselves: not converged, but nobody has to be called."""


class Grounds(NamedTuple):
    """All that the status of one module is made from: the same grounds, the same status.

    ``retry_us`` is CLOCK_REALTIME, 0 for never. ``command_line`` is empty unless it speaks of the module.
    """

    module: DesiredModule
    info: ModuleInfo
    seen: ObservedModule | None
    verdict: Verdict
    kernel_release: str
    attempt: Attempt | None = None
    record: LoadRecord | None = None
    retry_us: int = 0
    last_words: tuple[str, ...] = ()
    command_line: tuple[str, ...] = ()


def module_statuses(
    desired: DesiredState, observed: ObservedModules, plan: Plan, memory: Memory, clock_offset_us: int
) -> dict[ModuleName, ModuleStatus]:
    """Status of every managed module; ``clock_offset_us`` is CLOCK_REALTIME less CLOCK_MONOTONIC."""
    found = grounds(desired, observed, plan, memory, clock_offset_us)
    return {each.module.name: module_status(each) for each in found}


def grounds(
    desired: DesiredState, observed: ObservedModules, plan: Plan, memory: Memory, clock_offset_us: int
) -> Iterator[Grounds]:
    """What the status of every managed module is made from, as in ``module_statuses``."""
    facts, infos, verdicts, attempts = desired.facts, desired.infos, plan.verdicts, memory.attempts
    mentions, release, words = mentioned(facts.command_line), facts.kernel_release, memory.last_words
    for name, module in desired.modules.items():
        seen, verdict, attempt = observed.get(name), verdicts[name], attempts.get(name)
        retry_us = attempt.next_retry_us if attempt else 0
        if attempt is None and verdict.condition is Condition.BACKING_OFF:
            retry_us = _put_off_until_us(name, memory)
        yield Grounds(
            module,
            infos.get(name) or ModuleInfo(name),
            seen,
            verdict,
            release,
            attempt,
            memory.record(seen),
            retry_us + clock_offset_us if retry_us else 0,
            words.get(name, ()),
            facts.command_line if name in mentions else (),
        )


def unmanaged_status(info: ModuleInfo, seen: ObservedModule | None, facts: Facts) -> ModuleStatus:
    """Status of a module that no file names."""
    verdict = Verdict(Condition.NOT_MANAGED, "no file names it")
    bare = DesiredModule(info.name, Desired.AUTO)
    release, words = facts.kernel_release, facts.command_line
    return module_status(Grounds(bare, info, seen, verdict, release, command_line=words))


def informed(status: ModuleStatus, info: ModuleInfo, facts: Facts) -> ModuleStatus:
    """``status`` with what only the module's file says."""
    return status._replace(
        version=info.version,
        srcversion=info.srcversion,
        signer=info.signer,
        vermagic=info.vermagic,
        vermagic_matches=_matches(info, facts.kernel_release),
    )


def daemon_state(issues: Iterable[Issue], statuses: Statuses, *, settled: bool, paused: bool) -> DaemonState:
    """``State``; ``settled`` says that the first pass has been carried out."""
    if paused:
        return DaemonState.PAUSED
    broken = any(issue.severity is Severity.ERROR for issue in issues)
    bad = not _conditions(statuses) <= GOOD | UNDER_WAY
    if broken or (bad and settled):
        return DaemonState.DEGRADED
    return DaemonState.CONVERGED if settled else DaemonState.STARTING


def converged(plan: Plan, statuses: Statuses) -> bool:
    """Whether the kernel is as desired and nothing is left to do."""
    return not plan.steps and _conditions(statuses) <= GOOD


def _conditions(statuses: Statuses) -> frozenset[Condition]:
    return frozenset(map(_condition, statuses.values()))


def module_status(of: Grounds) -> ModuleStatus:
    """Status of one module."""
    declaration, info, verdict, attempt, record = (
        of.module.declaration,
        of.info,
        of.verdict,
        of.attempt,
        of.record,
    )
    parameters = of.module.parameters
    shown = of.seen or ObservedModule(of.module.name, _absent_state(info))
    return ModuleStatus(
        name=of.module.name,
        desired=str(declaration.state) if declaration else "",
        state=shown.state,
        condition=verdict.condition,
        message=verdict.message,
        reason=declaration.reason if declaration else "",
        parameters=shown.parameters,
        desired_parameters={p.name: p.value for p in parameters} if parameters else EMPTY,
        drift=verdict.drift,
        refcount=shown.refcount,
        holders=shown.holders,
        dependencies=info.dependencies,
        blockers=verdict.blockers,
        memory_bytes=shown.memory_bytes,
        path=info.path,
        version=info.version,
        srcversion=info.srcversion,
        signer=info.signer,
        vermagic=info.vermagic,
        vermagic_matches=_matches(info, of.kernel_release),
        taint=shown.taint,
        loaded_us=record.loaded_us if record else 0,
        load_duration_us=record.duration_us if record else 0,
        stages=record.stages if record else (),
        failure_count=attempt.failures if attempt else 0,
        next_retry_us=of.retry_us,
        kernel_messages=of.last_words or (attempt.messages if attempt else record.messages if record else ()),
        sources=_sources(declaration, info, of.command_line),
    )


def _put_off_until_us(name: ModuleName, memory: Memory) -> int:
    """When what was done and undone is done again (CLOCK_MONOTONIC), 0 for never."""
    done = (memory.successes.get((name, kind)) for kind in ActionKind)
    return max((success.next_us for success in done if success), default=0)


def _sources(
    declaration: Declaration | None, info: ModuleInfo, command_line: tuple[str, ...]
) -> tuple[Source, ...]:
    """Provenance, made for what has more than its own file's say only."""
    if not command_line and not info.conf_lines and not (declaration and declaration.replaced):
        return declaration.sources if declaration else ()
    return provenance(declaration, info, command_line)


def _matches(info: ModuleInfo, kernel_release: str) -> bool:
    """Whether its file was built for the running kernel, by the release in vermagic (its first word)."""
    return not info.vermagic or info.vermagic.partition(" ")[0] == kernel_release


def _absent_state(info: ModuleInfo) -> ModuleState:
    if info.builtin:
        return ModuleState.BUILTIN
    return ModuleState.NOT_LOADED if info.path else ModuleState.MISSING
