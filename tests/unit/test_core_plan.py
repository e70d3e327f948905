"""Plans: the verdict on each module, the steps, and when to look again."""

import errno
from collections.abc import Iterable

import pytest

from kmodd.action import ActionKind
from kmodd.core.memory import Attempt, Flight, Memory, Retry
from kmodd.model import Declaration, Desired, DeviceMatch, LoadRequest, Parameter, When
from kmodd.names import ModuleName
from kmodd.shown import ActionRow, Condition, ModuleState
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import NOW_US, Planned, planned
from tests.support.simulated_kernel import SimulatedKernel, module

A, B, C, D = map(ModuleName, "abcd")
DUMMY, CORE, GHOST = map(ModuleName, ("dummy", "core", "ghost"))
TREE = (
    module("a"),
    module("b", "a"),
    module("c", "a", "b"),
    module("d", options="x=1"),
    module("dummy", number=KernelParameter(), hidden=KernelParameter(mode=0)),
    module("core", builtin=True, level=KernelParameter(default="3")),
    module("shell", install="/bin/false"),
    module("fast", permanent=True),
)
LOADED, AUTO, UNLOADED, DENIED = Desired


def kernel(*loaded: str) -> SimulatedKernel:
    """The tree, with these in the kernel."""
    simulated = SimulatedKernel(TREE)
    for name in loaded:
        simulated.insert(name)
    return simulated


def declare(name: str, state: Desired = LOADED, **parameters: str) -> Declaration:
    given = tuple(Parameter(key, value) for key, value in parameters.items())
    return Declaration(ModuleName(name), state, parameters=given)


def failed(kind: ActionKind, condition: Condition, next_retry_us: int = 0) -> Attempt:
    return Attempt(kind, condition, "it failed", Retry.CHANGE, 2, next_retry_us, errno.EIO, ("said so",))


def verdict(found: Planned, name: str) -> tuple[Condition, str]:
    given = found.plan.verdicts[ModuleName(name)]
    return given.condition, given.message


def test_loads_in_order_each_with_what_it_must_wait_for() -> None:
    found = planned(kernel(), [declare("c"), declare("d", x="2", y="3 4")])
    assert [step.module for step in found.plan.steps] == [A, B, C, D]
    assert [step.strong for step in found.plan.steps] == [(), (A,), (A, B), ()]
    request = next(step for step in found.plan.steps if step.module == D)
    assert request.request == LoadRequest(D, "/lib/modules/6.12.0-simulated/kernel/d.ko", 'x=2 y="3 4"')
    assert request.row == ActionRow(D, ActionKind.LOAD, 'x=2 y="3 4"', "declared")
    assert verdict(found, "c") == (Condition.LOADING, "to be loaded")


def test_what_is_there_is_not_waited_for() -> None:
    (step,) = planned(kernel("b"), [declare("c")]).plan.steps
    assert (step.module, step.strong) == (C, ())


def test_why() -> None:
    found = planned(kernel(), [declare("a"), declare("b"), declare("c")])
    assert [step.reason for step in found.plan.steps] == [
        "declared, and needed by b, c",
        "declared, and needed by c",
        "declared",
    ]
    pullers = [Declaration(ModuleName(f"p{n}"), requires=(A,)) for n in range(9)]
    assert planned(kernel(), pullers).plan.steps[0].reason == "needed by p0, p1, p2, p3, p4, ..."


def test_what_is_as_it_should_be_needs_nothing() -> None:
    found = planned(kernel("c"), [declare("c"), declare("core"), declare("d", UNLOADED)])
    assert not found.plan.steps
    assert verdict(found, "c") == (Condition.IN_SYNC, "declared")
    assert verdict(found, "a") == (Condition.IN_SYNC, "needed by b, c")
    assert verdict(found, "core") == (Condition.BUILTIN, "built into this kernel")
    assert verdict(found, "d") == (Condition.IN_SYNC, "not in the kernel")
    assert found.plan.wake_at_us == 0


def _cyclic() -> Iterable[Declaration]:
    return Declaration(A, requires=(B,)), declare("b")


BUILT_IN = "it is built into this kernel, and nothing can take it out"


@pytest.mark.parametrize(
    ("declarations", "name", "condition", "message"),
    [
        ([declare("ghost")], "ghost", Condition.MISSING, "the running kernel has no module of this name"),
        (
            [declare("shell")],
            "shell",
            Condition.CONFLICT,
            "modprobe.d has an install command for it, which kmodd does not run: /bin/false",
        ),
        (_cyclic(), "a", Condition.CONFLICT, "it needs itself, by way of its dependencies and requirements"),
        (_cyclic(), "b", Condition.CONFLICT, "it needs itself, by way of its dependencies and requirements"),
        (
            [declare("b"), declare("a", DENIED)],
            "b",
            Condition.CONFLICT,
            "it needs a, which is declared denied",
        ),
        (
            [declare("b"), declare("a", UNLOADED)],
            "b",
            Condition.CONFLICT,
            "it needs a, which is declared unloaded",
        ),
        (
            [Declaration(A, requires=(GHOST,))],
            "a",
            Condition.WAITING_FOR_DEPENDENCY,
            "it needs ghost, which is missing: the running kernel has no module of this name",
        ),
        (
            [Declaration(A, when=When(devices=(DeviceMatch(subsystem="usb"),)))],
            "a",
            Condition.CONDITION_UNMET,
            "no matching device is present (subsystem=usb)",
        ),
        ([declare("a", AUTO)], "a", Condition.IN_SYNC, "left to others; kmodd guards its parameters"),
        (
            [declare("a", DENIED)],
            "a",
            Condition.DENIED,
            "not in the kernel, and refused by its name",
        ),
        (
            [declare("core", DENIED)],
            "core",
            Condition.DENIED_BUILTIN,
            "it is built into this kernel; initcall_blacklist=ITS_INIT_FUNCTION on the kernel command line "
            "would stop it",
        ),
        ([declare("core", UNLOADED)], "core", Condition.CONFLICT, BUILT_IN),
        ([declare("core", level="0x3")], "core", Condition.BUILTIN, "built into this kernel"),
    ],
)
def test_what_cannot_or_need_not_be_done(
    declarations: Iterable[Declaration], name: str, condition: Condition, message: str
) -> None:
    found = planned(kernel(), declarations)
    assert verdict(found, name) == (condition, message)
    assert ModuleName(name) not in {step.module for step in found.plan.steps}


def test_an_alias_is_no_module_and_the_message_says_whose_it_is() -> None:
    simulated = kernel()
    simulated.aliases[GHOST] = (A,)
    found = planned(simulated, [declare("ghost")])
    assert verdict(found, "ghost") == (
        Condition.MISSING,
        "it is not a module but an alias of a; name that instead",
    )


def test_a_want_that_is_missing_holds_nothing_up() -> None:
    found = planned(kernel(), [Declaration(A, wants=(GHOST,))])
    assert found.steps == [("load", "a")]
    assert verdict(found, "ghost")[0] is Condition.MISSING


@pytest.mark.parametrize(
    ("state", "condition", "message"),
    [
        (ModuleState.LOADING, Condition.LOADING, "it is being loaded, but not by kmodd"),
        (
            ModuleState.UNLOADING,
            Condition.BACKING_OFF,
            "it is being unloaded, but not by kmodd; it is loaded after that",
        ),
    ],
)
def test_what_others_are_moving_is_waited_for(state: ModuleState, condition: Condition, message: str) -> None:
    simulated = kernel()
    simulated.set_state("a", state)
    found = planned(simulated, [declare("b")])
    assert verdict(found, "a") == (condition, message)
    assert verdict(found, "b")[0] is Condition.WAITING_FOR_DEPENDENCY
    assert not found.plan.steps
    assert found.plan.wake_at_us == NOW_US + 1_000_000


def test_a_load_of_ours_that_nobody_waits_for_any_more() -> None:
    simulated = kernel()
    simulated.set_state("a", ModuleState.LOADING)
    memory = Memory({A: failed(ActionKind.LOAD, Condition.BACKING_OFF, 1)})
    found = planned(simulated, [declare("a")], memory=memory)
    assert verdict(found, "a") == (
        Condition.LOADING,
        "its init goes on, and the process that loaded it has ended",
    )
    assert not found.plan.steps


def test_a_failure_stands_until_it_is_due() -> None:
    due_us = NOW_US + 5
    memory = Memory({A: failed(ActionKind.LOAD, Condition.BACKING_OFF, due_us)})
    found = planned(kernel(), [declare("b")], memory=memory)
    assert verdict(found, "a") == (Condition.BACKING_OFF, "it failed")
    assert verdict(found, "b") == (
        Condition.WAITING_FOR_DEPENDENCY,
        "it needs a, which is backing-off: it failed",
    )
    assert found.plan.verdicts[B].blockers == (A,)
    assert (found.plan.steps, found.plan.wake_at_us) == ((), due_us)
    again = planned(kernel(), [declare("b")], memory=memory, now_us=due_us)
    assert again.steps == [("load", "a"), ("load", "b")]
    assert again.plan.wake_at_us == 0


def test_a_failure_that_waits_for_a_change_has_no_time() -> None:
    memory = Memory({A: failed(ActionKind.LOAD, Condition.FAILED)})
    found = planned(kernel(), [declare("a")], memory=memory)
    assert verdict(found, "a") == (Condition.FAILED, "it failed")
    assert (found.plan.steps, found.plan.wake_at_us) == ((), 0)


def test_a_failed_unload_does_not_keep_it_from_being_loaded() -> None:
    memory = Memory({A: failed(ActionKind.UNLOAD, Condition.IN_USE)})
    assert planned(kernel(), [declare("a")], memory=memory).steps == [("load", "a")]


def test_what_is_under_way_is_left_alone_and_its_dependants_wait() -> None:
    memory = Memory(in_flight={A: Flight(ActionKind.LOAD, NOW_US - 1_000_000)})
    found = planned(kernel(), [declare("b")], memory=memory)
    assert verdict(found, "a") == (Condition.LOADING, "being loaded")
    (step,) = found.plan.steps
    assert (step.module, step.strong) == (B, (A,))
    assert found.plan.wake_at_us == NOW_US + 29_000_000


def test_what_takes_too_long_is_slow_and_nothing_more() -> None:
    memory = Memory(in_flight={A: Flight(ActionKind.LOAD, NOW_US - 10_000_000)})
    found = planned(kernel(), [Declaration(A, load_timeout_s=10.0)], memory=memory)
    assert verdict(found, "a") == (
        Condition.LOADING_SLOW,
        "loading has taken more than 10 s; it goes on",
    )
    assert (found.plan.steps, found.plan.wake_at_us) == ((), NOW_US + 90_000_000)


def test_what_takes_ten_times_as_long_is_called_hung() -> None:
    memory = Memory(in_flight={A: Flight(ActionKind.LOAD, NOW_US - 100_000_000)})
    found = planned(kernel(), [Declaration(A, load_timeout_s=10.0)], memory=memory)
    assert verdict(found, "a") == (
        Condition.LOADING_SLOW,
        "hung: its init has not come back for more than 100 s; it is not loaded again meanwhile, and only it "
        "or a reboot can end that",
    )
    assert (found.plan.steps, found.plan.wake_at_us) == ((), 0)
