"""From declarations and a simulated kernel to a plan and statuses, by the core alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from kmodd.core.draft import ObservedModules, Plan
from kmodd.core.memory import LoadRecord, Memory
from kmodd.core.order import order
from kmodd.core.plan import make_plan
from kmodd.core.resolve import DesiredState, resolve
from kmodd.core.status import Statuses, module_statuses
from kmodd.model import Catalog, Declaration, Facts, ModuleInfo, ObservedModule
from kmodd.names import ModuleName
from kmodd.shown import ActionKind, ModuleState
from tests.support.simulated_kernel import SimulatedKernel

NOW_US = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and all that it was made from."""

    catalog: Catalog
    desired: DesiredState
    observed: ObservedModules
    memory: Memory
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
) -> Planned:
    """What a pass would find and plan."""
    catalog = Catalog(declarations=tuple(declarations))
    desired = _resolved(kernel, catalog, facts or Facts())
    observed = _observed(kernel, desired)
    given = memory or Memory()
    plan = make_plan(desired, order(desired), observed, given, now_us)
    return Planned(catalog, desired, observed, given, plan)


def carry_out(kernel: SimulatedKernel, plan: Plan, memory: Memory) -> Memory:
    """Carry the steps out one by one, in the order of the plan; the memory with what was loaded."""
    loads = dict(memory.loads)
    for step in plan.steps:
        error = kernel.begin(step.request) or kernel.end(step.request)
        assert not error, f"{step.kind} {step.module} failed with errno {error}"
        if step.kind is ActionKind.LOAD:
            loads[step.module] = LoadRecord(kernel.instance(step.module), step.parameters, 0, 0)
    return memory._replace(loads=loads)


def _resolved(kernel: SimulatedKernel, catalog: Catalog, facts: Facts) -> DesiredState:
    with_parameters = {d.name for d in catalog.declarations if d.parameters}
    infos: dict[ModuleName, ModuleInfo] = {}
    desired = resolve(catalog, facts, infos)
    while desired.unknown:
        for name in desired.unknown:
            infos[name] = kernel.info(name, with_modinfo=name in with_parameters)
        desired = resolve(catalog, facts, dict(infos))
    return desired


def _observed(kernel: SimulatedKernel, desired: DesiredState) -> ObservedModules:
    observed = dict(kernel.modules())
    for name in desired.modules:
        seen = observed.get(name)
        if seen is None and desired.infos[name].builtin:
            seen = ObservedModule(name, ModuleState.BUILTIN)
        if seen is not None:
            observed[name] = seen._replace(instance=kernel.instance(name), parameters=kernel.parameters(name))
    return observed
