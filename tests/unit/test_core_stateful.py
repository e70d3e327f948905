"""Any files on any module tree, while others load, unload, write and use: what the core promises holds."""

import errno
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kmodd.action import ActionKind
from kmodd.core.draft import Evidence, Step
from kmodd.core.memory import Attempt, Memory, Retry
from kmodd.core.plan import lasts
from kmodd.daemon.kept_statuses import KeptStatuses
from kmodd.model import (
    Declaration,
    Desired,
    DeviceMatch,
    Facts,
    LoadRequest,
    Proof,
    Request,
    UnloadRequest,
    User,
)
from kmodd.names import ModuleName
from kmodd.shown import Condition, ModuleState
from tests.support.planning import NOW_US, Planned, carry_out, looked, planned
from tests.support.simulated_kernel import SimulatedKernel, SimulatedModule
from tests.support.worlds import DEVICES, NAMES, PATH, catalogs, trees

MOST_PLANS = 12
LATER_US = 400_000_000
"""Longer than any wait there is."""
INTERFACE = User("interface", "eth0, which is up")


class Witness(SimulatedKernel):
    """Writes down what was in the kernel when each request came."""

    def __init__(self, modules: list[SimulatedModule]) -> None:
        super().__init__(modules)
        self.seen: list[tuple[Request, frozenset[ModuleName]]] = []

    def begin(self, request: Request) -> int:
        live = {name for name, seen in self.modules().items() if seen.state is ModuleState.LOADED}
        builtin = {name for name, known in self.tree.items() if known.info.builtin}
        self.seen.append((request, frozenset(live | builtin)))
        return super().begin(request)


class Core(RuleBasedStateMachine):
    """The core, a kernel, and everybody else."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Witness([])
        self.declared: list[Declaration] = []
        self.memory = Memory()
        self.facts = Facts()
        self.up: set[ModuleName] = set()
        self.now_us = NOW_US
        self.managed: set[ModuleName] = set()
        self.removed: set[ModuleName] = set()
        self.vain: set[ModuleName] = set()
        self.kept = KeptStatuses()

    # ------------------------------------------------------------------------- what others do

    @initialize(tree=trees(), loaded=st.sets(st.sampled_from(NAMES)), catalog=catalogs)
    def boot(self, tree: list[SimulatedModule], loaded: set[ModuleName], catalog: list[Declaration]) -> None:
        self.kernel = Witness(tree)
        for name in sorted(loaded):
            if not self._is_in(name):
                self.kernel.insert(name)
        self.edit(catalog, add=False)

    @rule(catalog=catalogs, add=st.booleans())
    def edit(self, catalog: list[Declaration], add: bool) -> None:
        kept = {declaration.name: declaration for declaration in self.declared} if add else {}
        self.declared = list({**kept, **{declaration.name: declaration for declaration in catalog}}.values())
        self.memory = self.memory._replace(attempts={}, successes={})
        self.reconcile()

    @rule(data=st.data())
    def somebody_loads(self, data: st.DataObject) -> None:
        absent = [n for n in NAMES if not self._is_in(n) and not any(map(self._fails, self._with_needs(n)))]
        if absent:
            self.kernel.insert(data.draw(st.sampled_from(absent)))

    @precondition(lambda self: self._removable())
    @rule(data=st.data(), back=st.booleans())
    def somebody_unloads(self, data: st.DataObject, back: bool) -> None:
        name = data.draw(st.sampled_from(self._removable()))
        self.kernel.remove(name)
        if back and not self._fails(name):
            self.kernel.insert(name)

    @precondition(lambda self: self.kernel.present())
    @rule(data=st.data(), value=st.sampled_from("0123"))
    def somebody_writes(self, data: st.DataObject, value: str) -> None:
        self.kernel.poke(data.draw(st.sampled_from(sorted(self.kernel.present()))), "number", value)

    @precondition(lambda self: self.kernel.present())
    @rule(data=st.data(), uses=st.integers(0, 2), up=st.booleans())
    def somebody_uses(self, data: st.DataObject, uses: int, up: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.kernel.present())))
        self.kernel.use(name, uses)
        (self.up.add if up else self.up.discard)(name)

    @rule(present=st.sets(st.sampled_from(DEVICES)))
    def devices_come_and_go(self, present: set[DeviceMatch]) -> None:
        plugged = present - self.facts.present_devices
        self.facts = self.facts._replace(present_devices=frozenset(present))
        if plugged:
            kept = {name: a for name, a in self.memory.attempts.items() if a.retry is not Retry.EVENT}
            self.memory = self.memory._replace(attempts=kept)
        self.reconcile()

    @rule(there=st.booleans())
    def a_path_comes_or_goes(self, there: bool) -> None:
        self.facts = self.facts._replace(existing_paths=frozenset((PATH,) if there else ()))

    @rule(words=st.sets(st.sampled_from(("kmodd.skip=m1", "module_blacklist=m2", "modprobe.blacklist=m3"))))
    def boot_line(self, words: set[str]) -> None:
        self.facts = self.facts._replace(command_line=tuple(sorted(words)))

    @rule(name=st.sampled_from(NAMES), error=st.sampled_from((0, errno.EIO, errno.ENODEV, errno.EINVAL)))
    def init_changes_its_mind(self, name: ModuleName, error: int) -> None:
        self.kernel.tree[name] = replace(self.kernel.tree[name], fails=error)

    # ------------------------------------------------------------------------- what kmodd does

    @rule()
    def reconcile(self) -> None:
        """Plan after plan, now and when everything that waits for the clock is due."""
        before = {name: self.kernel.instance(name) for name in self.kernel.present()}
        self.managed, self.removed, self.vain = set(), set(), set()
        self._come_to_rest()
        self.now_us += LATER_US
        self._come_to_rest()
        self.now_us += LATER_US
        found = self._come_to_rest()
        self._check_unmanaged(before)
        if not any(map(self._fails, NAMES)):
            self._check_nothing_is_lost(found, before)

    def _come_to_rest(self) -> Planned:
        for _ in range(MOST_PLANS):
            found = self._planned()
            self.managed |= found.desired.modules.keys()
            self.removed |= {name for name, module in found.desired.modules.items() if module.to_remove}
            self.memory = looked(found, self.memory, self.now_us)
            if not found.plan.steps:
                self._check_rest(found)
                return found
            self._check_steps(found)
            self.kernel.seen = []
            self.memory = carry_out(self.kernel, found.plan, self.memory, self.now_us)
            self._check_doings(found)
        raise AssertionError("not at rest")

    @invariant()
    def order_of_declaration_does_not_matter(self) -> None:
        forwards, backwards = self._planned(), self._planned(backwards=True)
        assert forwards.plan == backwards.plan
        assert forwards.statuses == backwards.statuses

    @invariant()
    def every_managed_module_has_a_verdict(self) -> None:
        found = self._planned()
        assert found.plan.verdicts.keys() == found.desired.modules.keys()
        assert {declaration.name for declaration in self.declared} <= found.desired.modules.keys()

    @invariant()
    def a_plan_that_lasts_is_the_same_at_any_time(self) -> None:
        found = self._planned()
        if lasts(found.plan, found.memory):
            for later_us in (1, LATER_US):
                assert self._planned(later_us=later_us).plan == found.plan

    @invariant()
    def a_status_that_is_kept_is_as_one_made_anew(self) -> None:
        found = self._planned()
        for _ in range(2):
            statuses = self.kept.of(found.desired, found.observed, found.plan, found.memory, 5_000_000)
            assert statuses == found.statuses

    def _planned(self, *, backwards: bool = False, later_us: int = 0) -> Planned:
        return planned(
            self.kernel,
            self.declared[::-1] if backwards else self.declared,
            facts=self.facts,
            memory=self.memory,
            now_us=self.now_us + later_us,
            evidence=Evidence({n: Proof(n, 1) for n in NAMES}, dict.fromkeys(self.up, (INTERFACE,))),
        )

    # --------------------------------------------------------------------------- what must hold

    def _check_steps(self, found: Planned) -> None:
        """One step a module, only for what is managed, each after what it waits for."""
        done: list[ModuleName] = []
        for step in found.plan.steps:
            assert step.module in found.desired.modules
            assert not found.desired.modules[step.module].skipped
            assert step.module not in done
            assert set(done) >= set(step.strong) | set(step.weak)
            done.append(step.module)
        loads = [step.module for step in found.plan.steps if step.kind is ActionKind.LOAD]
        for declaration in self.declared:
            for earlier in (*declaration.after, *declaration.wants):
                if {earlier, declaration.name} <= {*loads} and not self._may_yield(found):
                    assert loads.index(earlier) < loads.index(declaration.name)

    def _check_doings(self, found: Planned) -> None:
        """The kernel refused nothing that could be known, and every request came at its time."""
        for step in found.plan.steps:
            attempt = self.memory.attempts.get(step.module)
            if attempt is not None and attempt.kind is step.kind:
                self._check_refusal(step, attempt)
        modules, rivals = found.desired.modules, self._rivals()
        for request, present in self.kernel.seen:
            wanted = modules[request.module]
            if isinstance(request, LoadRequest):
                declaration = wanted.declaration or Declaration(request.module)
                assert wanted.to_load
                assert not wanted.barred
                assert not rivals.get(request.module, set()) & present
                # What only a reload took out comes back beside whatever it was beside (a builtin stays).
                assert wanted.owed or not set(declaration.replaces) & present
                assert set(declaration.requires) <= present
            elif isinstance(request, UnloadRequest) and request.module in self.up:
                declared = wanted.declaration and wanted.declaration.state
                assert declared in (Desired.UNLOADED, Desired.DENIED), "an interface that is up is spared"

    def _check_refusal(self, step: Step, attempt: Attempt) -> None:
        """Init failed; or there were more references than holders, which might have been the holders'."""
        assert step.kind is not ActionKind.WRITE
        if step.kind is ActionKind.LOAD:
            assert attempt.error in (errno.EIO, errno.ENODEV, errno.EINVAL), attempt.message
        else:
            assert attempt.error == errno.EAGAIN
            assert step.refcount > len(step.strong) > 0
            assert step.module not in self.vain
            self.vain.add(step.module)

    def _check_rest(self, found: Planned) -> None:
        """What is said of each module is so."""
        for name, wanted in found.desired.modules.items():
            condition, present = found.plan.verdicts[name].condition, self._is_in(name)
            if condition in (Condition.IN_SYNC, Condition.BUILTIN, Condition.CONDITION_UNMET):
                assert present or not wanted.to_load
                assert not (present and wanted.to_remove)
                self._check_parameters(found, name)
            if condition is Condition.DENIED:
                assert not present
            if condition is Condition.IN_USE:
                assert name in self.kernel.present()

    def _check_parameters(self, found: Planned, name: ModuleName) -> None:
        """In-sync is never a lie, not even about what cannot be read."""
        for parameter in found.desired.modules[name].parameters if self._is_in(name) else ():
            assert int(self.kernel.value(name, parameter.name), 0) == int(parameter.value, 0)

    def _check_unmanaged(self, before: dict[ModuleName, int]) -> None:
        for name in before.keys() - self.managed:
            assert self.kernel.instance(name) == before[name]
        assert self.kernel.present() <= before.keys() | self.managed

    def _check_nothing_is_lost(self, found: Planned, before: dict[ModuleName, int]) -> None:
        """Whatever was in and may be is in; nothing is owed, and nothing waits for the clock."""
        assert not self.memory.owed
        for name in found.desired.modules:
            assert name in self.removed or self._is_in(name) or name not in before
            assert found.plan.verdicts[name].condition not in (Condition.LOADING, Condition.BACKING_OFF)

    # ------------------------------------------------------------------------------- questions

    def _rivals(self) -> dict[ModuleName, set[ModuleName]]:
        rivals: dict[ModuleName, set[ModuleName]] = {}
        for declaration in self.declared:
            for other in declaration.conflicts:
                rivals.setdefault(declaration.name, set()).add(other)
                rivals.setdefault(other, set()).add(declaration.name)
        return rivals

    def _may_yield(self, found: Planned) -> bool:
        """Whether some order is given up because all of them together form a cycle."""
        return bool(found.order.dropped or found.order.cyclic)

    def _is_in(self, name: ModuleName) -> bool:
        known = self.kernel.tree.get(name)
        return name in self.kernel.present() or (known is not None and known.info.builtin)

    def _fails(self, name: ModuleName) -> bool:
        return bool(self.kernel.tree[name].fails)

    def _with_needs(self, name: ModuleName) -> tuple[ModuleName, ...]:
        return (*self.kernel.tree[name].info.dependencies, name)

    def _removable(self) -> list[ModuleName]:
        modules = self.kernel.modules().items()
        return [n for n, seen in modules if not (seen.refcount or seen.permanent)]


TestCore = Core.TestCase
TestCore.settings = settings(max_examples=250, stateful_step_count=10)
