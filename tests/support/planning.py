"""From declarations and a simulated kernel to a plan and statuses, by the core alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from kmodd.action import ActionKind
from kmodd.core.diagnose import Known
from kmodd.core.draft import Evidence, ObservedModules, Plan, Step
from kmodd.core.judgement import judge_load, judge_unload, judge_write
from kmodd.core.kernel_lines import ignored
from kmodd.core.memory import LoadRecord, Memory, Wait, overtaken, succeeded
from kmodd.core.order import Order, order
from kmodd.core.parameters import shown_of
from kmodd.core.plan import make_plan
from kmodd.core.resolve import DesiredState, History, resolve
from kmodd.core.status import Statuses, module_statuses
from kmodd.model import Catalog, Declaration, Facts, LoadRequest, ModuleInfo, ObservedModule, Proof, Report
from kmodd.names import ModuleName
from kmodd.shown import ModuleState, Outcome
from tests.support.simulated_kernel import SimulatedKernel

NOW_US = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and all that it was made from."""

    catalog: Catalog
    desired: DesiredState
    observed: ObservedModules
    memory: Memory
    order: Order
    plan: Plan

    @property
    def statuses(self) -> Statuses:
        """What would be shown; CLOCK_REALTIME is 5 s ahead of CLOCK_MONOTONIC."""
        return module_statuses(self.desired, self.observed, self.plan, self.memory, 5_000_000)

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Action and module of each step."""
        return [(step.kind, step.module) for step in self.plan.steps]


def planned(
    kernel: SimulatedKernel,
    declarations: Iterable[Declaration],
    *,
    facts: Facts | None = None,
    memory: Memory | None = None,
    now_us: int = NOW_US,
    evidence: Evidence | None = None,
) -> Planned:
    """What a pass would find and plan; without other ``evidence`` every denial is proved."""
    catalog = Catalog(declarations=tuple(declarations))
    given = memory or Memory()
    desired = _resolved(kernel, catalog, facts or Facts(), History(given.met, given.owed))
    observed = _observed(kernel, desired)
    known = evidence or Evidence({name: Proof(name, 1) for name in desired.modules})
    sequence = order(desired)
    plan = make_plan(desired, sequence, observed, given, now_us, known)
    return Planned(catalog, desired, observed, given, sequence, plan)


def carry_out(kernel: SimulatedKernel, plan: Plan, memory: Memory, now_us: int = NOW_US) -> Memory:
    """Carry the steps out one by one, in the order of the plan, as the executor does; the memory after it.

    What strongly needs a step that failed is not begun.
    """
    failed: set[ModuleName] = set()
    for step in plan.steps:
        if not failed.isdisjoint(step.strong):
            failed.add(step.module)
            continue
        if step.owed:
            memory = memory._replace(owed=memory.owed | {step.module})
        since = len(kernel.log)
        error = kernel.begin(step.request) or kernel.end(step.request)
        report = Report(error, messages=tuple(kernel.log[since:]))
        outcome, memory = _remembered(kernel, step, report, memory, now_us)
        if outcome not in (Outcome.DONE, Outcome.UNCHANGED):
            failed.add(step.module)
    return memory


def looked(found: Planned, memory: Memory, now_us: int = NOW_US) -> Memory:
    """``memory`` after a pass has looked at the kernel and made its plan, before that is carried out."""
    observed = found.observed
    back = {n for n in memory.owed if n in observed and observed[n].state is ModuleState.LOADED}
    over = overtaken(memory, observed) | found.plan.mended
    waits = {}
    for name in found.plan.waits:
        seen, old = observed.get(name), memory.waits.get(name)
        instance = seen.instance if seen is not None else 0
        waits[name] = old if old is not None and old.instance == instance else Wait(instance, now_us)
    return memory._replace(
        attempts={name: attempt for name, attempt in memory.attempts.items() if name not in over},
        owed=memory.owed - back,
        met=(memory.met & observed.keys()) | found.desired.present,
        waits=waits,
    )


def _remembered(
    kernel: SimulatedKernel, step: Step, report: Report, memory: Memory, now_us: int
) -> tuple[Outcome, Memory]:
    """What one step came to, and ``memory`` after it (daemon/executor.py and daemon/store.py)."""
    previous, after = memory.attempts.get(step.module), kernel.modules().get(step.module)
    known = _known(kernel, step)
    if step.kind is ActionKind.LOAD:
        outcome, attempt = judge_load(previous, report, after, now_us, 0.5, known=known)
    elif step.kind is ActionKind.UNLOAD:
        outcome, attempt = judge_unload(
            previous, report, after, now_us, 0.5, refcount=step.refcount, known=known
        )
    else:
        gone = not kernel.instance(step.module)
        outcome, attempt = judge_write(
            previous,
            report._replace(shown=kernel.parameters(step.module)),
            now_us,
            0.5,
            gone=gone,
            written=step.parameters,
            known=known,
        )
    attempts = {name: old for name, old in memory.attempts.items() if name != step.module}
    if attempt is not None:
        return outcome, memory._replace(attempts={**attempts, step.module: attempt})
    memory = memory._replace(attempts=attempts)
    if outcome is not Outcome.DONE:
        return outcome, memory
    owed = step.module in memory.owed
    successes = succeeded(memory.successes, step.module, step.kind, now_us, 0.5, owed=owed)
    memory = memory._replace(successes=successes)
    if step.kind is ActionKind.UNLOAD:
        return outcome, memory
    record = _record(kernel, step, memory)
    untaken = ignored(report.messages, step.module, known.options, step.parameters)
    kept = tuple(p for p in record.parameters if p not in untaken)
    record = record._replace(parameters=kept, ignored=(*record.ignored, *untaken))
    return outcome, memory._replace(loads={**memory.loads, step.module: record})


def _known(kernel: SimulatedKernel, step: Step) -> Known:
    """As daemon/examiner.py finds out."""
    options = step.request.options if isinstance(step.request, LoadRequest) else ""
    file = kernel.info(step.module, with_modinfo=True)
    return Known(step.module, options, kernel.release(), kernel.security(), file)


def _record(kernel: SimulatedKernel, step: Step, memory: Memory) -> LoadRecord:
    old, instance = memory.loads.get(step.module), kernel.instance(step.module)
    if old is None or old.instance != instance or step.kind is ActionKind.LOAD:
        old = LoadRecord(instance, (), 1 if step.kind is ActionKind.LOAD else 0, 0)
    shown = shown_of(step.parameters, kernel.parameters(step.module))
    parameters = {p.name: p for p in (*old.parameters, *step.parameters)}
    texts = {p.name: p for p in (*old.shown, *shown)}
    return old._replace(parameters=tuple(parameters.values()), shown=tuple(texts.values()))


def _resolved(kernel: SimulatedKernel, catalog: Catalog, facts: Facts, history: History) -> DesiredState:
    with_parameters = {d.name for d in catalog.declarations if d.parameters}
    infos: dict[ModuleName, ModuleInfo] = {}
    desired = resolve(catalog, facts, infos, history)
    while desired.unknown:
        for name in desired.unknown:
            infos[name] = kernel.info(name, with_modinfo=name in with_parameters)
        desired = resolve(catalog, facts, dict(infos), history)
    return desired


def _observed(kernel: SimulatedKernel, desired: DesiredState) -> ObservedModules:
    observed = dict(kernel.modules())
    for name in desired.modules:
        seen = observed.get(name)
        if seen is None and desired.infos[name].builtin:
            seen = ObservedModule(name, ModuleState.BUILTIN)
        if seen is not None:
            observed[name] = seen._replace(
                instance=kernel.instance(name),
                parameters=kernel.parameters(name),
                writable=kernel.writable(name),
            )
    return observed
