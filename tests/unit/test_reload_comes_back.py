"""A reload is out and in again: nothing that happens meanwhile takes the module's place."""

from kmodd.action import ActionKind
from kmodd.core.memory import Memory, Success
from kmodd.model import Declaration, Desired, Parameter, ParameterPolicy
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import NOW_US, carry_out, planned
from tests.support.simulated_kernel import SimulatedKernel, module

R, X = ModuleName("r"), ModuleName("x")
RELOADED = Declaration(R, Desired.LOADED, (Parameter("size", "5"),), ParameterPolicy.RELOAD)


def drifted_kernel() -> SimulatedKernel:
    """One module whose parameter is taken at a load only, and one to conflict with it."""
    kernel = SimulatedKernel([module("r", size=KernelParameter(mode=0o444)), module("x")])
    kernel.insert("r")
    return kernel


def test_what_conflicts_with_a_module_that_is_reloaded_does_not_come_in_meanwhile() -> None:
    kernel = drifted_kernel()
    declared = [RELOADED, Declaration(X, conflicts=(R,), before=(R,))]
    out = planned(kernel, declared)
    assert out.steps == [("unload", "r")]
    memory = carry_out(kernel, out.plan, Memory())
    back = planned(kernel, declared, memory=memory._replace(successes={}))
    assert back.steps == [("load", "r")]
    assert back.plan.verdicts[X].condition is Condition.CONFLICT


def test_where_it_fails_to_come_back_the_other_one_may_come() -> None:
    kernel = SimulatedKernel([module("r", size=KernelParameter(mode=0o444), fails=22), module("x")])
    declared = [RELOADED, Declaration(X, conflicts=(R,), before=(R,))]
    owed = Memory(owed=frozenset((R,)))
    memory = carry_out(kernel, planned(kernel, declared, memory=owed).plan, owed)
    assert memory.attempts[R].kind is ActionKind.LOAD
    assert planned(kernel, declared, memory=memory).steps == [("load", "x")]


def test_of_two_that_are_owed_and_conflict_by_now_one_comes_back() -> None:
    kernel = drifted_kernel()
    kernel.remove("r")
    found = planned(kernel, [Declaration(X, conflicts=(R,))], memory=Memory(owed=frozenset((R, X))))
    assert len(found.steps) == 1


def test_nothing_is_taken_out_while_its_load_is_put_off() -> None:
    later = NOW_US + 1_000_000
    memory = Memory(successes={(R, ActionKind.LOAD): Success(4, NOW_US, later)})
    found = planned(drifted_kernel(), [RELOADED], memory=memory)
    assert not found.steps
    assert found.plan.verdicts[R].condition is Condition.RELOAD_PENDING
    assert found.plan.wake_at_us == later
