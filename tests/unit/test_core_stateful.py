"""Any catalog on any module tree, while others load and unload: what the core promises always holds."""

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kmodd.core.memory import Memory
from kmodd.core.status import GOOD
from kmodd.model import Declaration, Desired, Parameter, ParameterPolicy, When, WhenGone
from kmodd.names import ModuleName
from kmodd.shown import ActionKind, Condition
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import Planned, carry_out, planned
from tests.support.simulated_kernel import SimulatedKernel, SimulatedModule, module

NAMES = tuple(ModuleName(f"m{number}") for number in range(5))
GHOST = ModuleName("ghost")
NUMBER = KernelParameter(clamp=(0, 5))
HIDDEN = KernelParameter(mode=0)

some_names = st.lists(st.sampled_from((*NAMES, GHOST)), max_size=2, unique=True).map(tuple)
parameters = st.dictionaries(st.sampled_from(("number", "hidden")), st.sampled_from(("1", "0x2")), max_size=2)
declarations = st.builds(
    Declaration,
    name=st.sampled_from(NAMES),
    state=st.sampled_from((*Desired, Desired.LOADED, Desired.LOADED)),
    requires=some_names,
    wants=some_names,
    after=some_names,
    before=some_names,
    parameters=parameters.map(lambda given: tuple(Parameter(*item) for item in given.items())),
    conflicts=st.just(()),
    replaces=st.just(()),
    when=st.just(When()),
    ready=st.none(),
    load_timeout_s=st.just(30.0),
    on_parameter_change=st.just(ParameterPolicy.WRITE),
    when_gone=st.just(WhenGone.KEEP),
    reason=st.just(""),
    sources=st.just(()),
    replaced=st.just(()),
)
catalogs = st.lists(declarations, min_size=1, max_size=5, unique_by=lambda declaration: declaration.name)


@st.composite
def trees(draw: st.DrawFn) -> list[SimulatedModule]:
    """Modules whose dependencies are acyclic and complete, as depmod leaves them; softdeps as they come."""
    closures: dict[str, tuple[str, ...]] = {}
    found = []
    for name in NAMES:
        direct = draw(st.lists(st.sampled_from(sorted(closures)), max_size=2)) if closures else []
        closures[name] = _closure(direct, closures)
        found.append(
            module(
                name,
                *closures[name],
                builtin=draw(st.integers(0, 9)) == 0 and not direct,
                before=draw(some_names),
                after=draw(some_names),
                number=NUMBER,
                hidden=HIDDEN,
            )
        )
    builtins = {entry.name for entry in found if entry.info.builtin}
    return [_without(entry, builtins) for entry in found]


def _closure(direct: Iterable[str], closures: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """What ``direct`` needs, then itself: all of it once, in order of loading."""
    needs = dict.fromkeys(need for name in direct for need in (*closures[name], name))
    return tuple(needs)


def _without(entry: SimulatedModule, builtins: Iterable[ModuleName]) -> SimulatedModule:
    """modules.dep names no builtin."""
    kept = tuple(name for name in entry.info.dependencies if name not in set(builtins))
    return replace(entry, info=entry.info._replace(dependencies=kept))


ODDITIES = (Condition.DRIFTED, Condition.UNVERIFIABLE, Condition.REBOOT_PENDING)


class Core(RuleBasedStateMachine):
    """The core and a kernel in which nothing fails."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = SimulatedKernel()
        self.declared: list[Declaration] = []
        self.memory = Memory()

    @initialize(tree=trees(), loaded=st.sets(st.sampled_from(NAMES)))
    def boot(self, tree: list[SimulatedModule], loaded: set[ModuleName]) -> None:
        self.kernel = SimulatedKernel(tree)
        for name in sorted(loaded):
            if not self._is_in(name):
                self.kernel.insert(name)

    @rule(catalog=catalogs)
    def edit(self, catalog: list[Declaration]) -> None:
        self.declared = catalog
        self.reconcile()

    @rule(data=st.data())
    def somebody_loads(self, data: st.DataObject) -> None:
        absent = [name for name in NAMES if not self._is_in(name)]
        if absent:
            self.kernel.insert(data.draw(st.sampled_from(absent)))

    @precondition(lambda self: self._removable())
    @rule(data=st.data())
    def somebody_unloads(self, data: st.DataObject) -> None:
        self.kernel.remove(data.draw(st.sampled_from(self._removable())))

    @precondition(lambda self: self._removable())
    @rule(data=st.data())
    def somebody_loads_anew(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self._removable()))
        self.kernel.remove(name)
        self.kernel.insert(name)

    @rule()
    def reconcile(self) -> None:
        before = {name: self.kernel.instance(name) for name in self.kernel.present()}
        found = self._planned()
        self._check_order(found)
        # Long enough ago that nothing is put off for having been done before.
        self.memory = carry_out(self.kernel, found.plan, self.memory)._replace(successes={})
        again = self._planned()
        assert not again.plan.steps, "a second pass has nothing to do"
        assert again.plan.wake_at_us == 0 or again.plan.waits, "it wakes for what no event tells of only"
        self._check_promises(again)
        self._check_unmanaged(found, before)

    @invariant()
    def order_of_declaration_does_not_matter(self) -> None:
        forwards, backwards = self._planned(), planned(self.kernel, self.declared[::-1], memory=self.memory)
        assert forwards.plan == backwards.plan
        assert forwards.statuses == backwards.statuses

    @invariant()
    def every_managed_module_has_a_verdict(self) -> None:
        found = self._planned()
        assert found.plan.verdicts.keys() == found.desired.modules.keys()
        assert {declaration.name for declaration in self.declared} <= found.desired.modules.keys()

    def _planned(self) -> Planned:
        return planned(self.kernel, self.declared, memory=self.memory)

    def _is_in(self, name: ModuleName) -> bool:
        return name in self.kernel.present() or self.kernel.tree[name].info.builtin

    def _removable(self) -> list[ModuleName]:
        return [name for name, seen in self.kernel.modules().items() if not seen.refcount]

    def _check_order(self, found: Planned) -> None:
        """A strong need is in the kernel, or has its step before; a holder goes before what it holds."""
        done: set[ModuleName] = set()
        for step in found.plan.steps:
            assert step.module in found.desired.modules, "only what is managed has steps"
            assert done >= set(step.strong) | set(step.weak)
            if step.kind is ActionKind.LOAD:
                needs = self.kernel.tree[step.module].info.dependencies
                assert all(self._is_in(need) or need in done for need in needs)
            done.add(step.module)

    def _check_promises(self, found: Planned) -> None:
        for name, wanted in found.desired.modules.items():
            condition = found.plan.verdicts[name].condition
            if wanted.to_load and condition is Condition.IN_SYNC:
                assert name in self.kernel.present()
                self._check_parameters(name, wanted.parameters)
            if wanted.to_remove and condition is Condition.IN_SYNC:
                assert name not in self.kernel.present()
            if wanted.to_load and name in self.kernel.tree and self.kernel.tree[name].info.builtin:
                assert condition in (
                    *GOOD,
                    Condition.DRIFTED,
                    Condition.UNVERIFIABLE,
                    Condition.REBOOT_PENDING,
                )
            assert condition not in (Condition.FAILED, Condition.BACKING_OFF, Condition.LOADING)

    def _check_parameters(self, name: ModuleName, wanted: tuple[Parameter, ...]) -> None:
        """In-sync is never a lie, not even about what cannot be read."""
        for parameter in wanted:
            really = self.kernel.value(name, parameter.name)
            assert int(really, 0) == int(parameter.value, 0)

    def _check_unmanaged(self, found: Planned, before: dict[ModuleName, int]) -> None:
        for name, instance in before.items():
            if name not in found.desired.modules:
                assert self.kernel.instance(name) == instance
        assert self.kernel.present() <= before.keys() | found.desired.modules.keys()


TestCore = Core.TestCase
TestCore.settings = settings(max_examples=100, stateful_step_count=8)
