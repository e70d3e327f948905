"""Plans: what is in the kernel and must have its parameters, or must not be there."""

from collections.abc import Callable

import pytest

from kmodd.action import ActionKind
from kmodd.core.draft import Evidence
from kmodd.core.memory import Flight, LoadRecord, Memory
from kmodd.model import Declaration, Desired, DeviceMatch, Parameter, UnloadRequest, When, WhenGone
from kmodd.names import ModuleName
from kmodd.shown import Condition, Drift, ModuleState
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import NOW_US, carry_out, planned
from tests.support.simulated_kernel import SimulatedKernel, module
from tests.unit.test_core_plan import (
    AUTO,
    DENIED,
    DUMMY,
    LOADED,
    UNLOADED,
    A,
    B,
    C,
    D,
    declare,
    failed,
    kernel,
    verdict,
)


def loaded_dummy(options: str) -> SimulatedKernel:
    simulated = kernel()
    simulated.insert("dummy", options)
    return simulated


@pytest.mark.parametrize("state", [LOADED, AUTO])
def test_drift(state: Desired) -> None:
    found = planned(loaded_dummy("number=7"), [declare("dummy", state, number="0x8")])
    assert verdict(found, "dummy") == (Condition.DRIFTED, "number is '7', wanted '0x8'; to be written")
    assert found.plan.verdicts[DUMMY].drift == (Drift("number", "0x8", "7"),)


@pytest.mark.parametrize("state", [LOADED, AUTO])
def test_equal_values_are_no_drift(state: Desired) -> None:
    found = planned(loaded_dummy("number=8"), [declare("dummy", state, number="0x8")])
    assert verdict(found, "dummy")[0] is Condition.IN_SYNC


@pytest.mark.parametrize("loaded", [False, True])
def test_a_parameter_that_it_does_not_have(loaded: bool) -> None:
    found = planned(kernel(*["dummy"] * loaded), [declare("dummy", numbr="3")])
    if loaded:
        assert verdict(found, "dummy") == (
            Condition.FAILED,
            "bad-parameter: dummy has no parameter 'numbr'; correct it, `modinfo -p` lists those that it has",
        )
    else:
        assert verdict(found, "dummy")[0] is Condition.LOADING


def test_a_dash_in_a_parameter_is_an_underscore() -> None:
    simulated = SimulatedKernel([module("m", max_loop=KernelParameter())])
    simulated.insert("m", "max_loop=3")
    declaration = Declaration(ModuleName("m"), parameters=(Parameter("max-loop", "3"),))
    assert verdict(planned(simulated, [declaration]), "m")[0] is Condition.IN_SYNC


def ours(simulated: SimulatedKernel, *parameters: Parameter) -> LoadRecord:
    return LoadRecord(simulated.instance(DUMMY), parameters, 0, 0)


def nobodys(simulated: SimulatedKernel, *parameters: Parameter) -> LoadRecord:
    return LoadRecord(simulated.instance(DUMMY) + 1, parameters, 0, 0)


@pytest.mark.shows("P2")
@pytest.mark.parametrize(
    ("record", "value", "condition"),
    [
        (ours, "3", Condition.IN_SYNC),
        (ours, "4", Condition.UNVERIFIABLE),
        (nobodys, "3", Condition.UNVERIFIABLE),
        (None, "3", Condition.UNVERIFIABLE),
    ],
)
def test_what_cannot_be_read_is_known_of_our_own_load_of_this_instance_only(
    record: Callable[..., LoadRecord] | None, value: str, condition: Condition
) -> None:
    simulated = loaded_dummy(f"hidden={value}")
    loads = {DUMMY: record(simulated, Parameter("hidden", value))} if record else {}
    found = planned(simulated, [declare("dummy", hidden="3")], memory=Memory(loads=loads))
    assert verdict(found, "dummy")[0] is condition
    assert not found.plan.steps


def test_removals_go_holders_first_whatever_the_files_say_first() -> None:
    for names in ("abc", "cba", "bac"):
        found = planned(kernel("c"), [declare(name, UNLOADED) for name in names])
        assert [step.request for step in found.plan.steps] == [UnloadRequest(n) for n in (C, B, A)]
        assert [step.strong for step in found.plan.steps] == [(), (C,), (B,)]
        assert verdict(found, "a") == (Condition.IN_USE, "to be unloaded: declared unloaded")


@pytest.mark.parametrize(
    ("state", "condition"), [(UNLOADED, Condition.IN_USE), (DENIED, Condition.DENIED_BUT_LOADED)]
)
def test_what_others_use_stays(state: Desired, condition: Condition) -> None:
    simulated = kernel("b")
    found = planned(simulated, [declare("a", state)])
    assert verdict(found, "a") == (condition, "in use by b")
    assert found.plan.verdicts[A].blockers == ("b",)
    simulated.use("b", 2)
    found = planned(simulated, [declare("a", state), declare("b", state)])
    assert verdict(found, "b") == (condition, "in use by unattributed: 2")
    assert verdict(found, "a") == (condition, "in use by b")
    assert not found.plan.steps


def test_a_denial_that_was_not_looked_into_yet_is_not_claimed() -> None:
    found = planned(kernel(), [declare("a", DENIED)], evidence=Evidence())
    assert verdict(found, "a") == (
        Condition.UNVERIFIABLE,
        "not in the kernel, but nothing keeps others from loading it yet",
    )


def test_what_follows_its_last_device_says_so() -> None:
    gone = declare("a")._replace(
        when=When(devices=(DeviceMatch(subsystem="usb"),)), when_gone=WhenGone.UNLOAD
    )
    found = planned(kernel("a"), [gone], memory=Memory(met=frozenset((A,))))
    assert [step.reason for step in found.plan.steps] == ["its last device has gone"]
    assert verdict(found, "a") == (Condition.IN_USE, "to be unloaded: its last device has gone")
    replaced = planned(kernel("d"), [declare("a")._replace(replaces=(D,))])
    assert [step.reason for step in replaced.plan.steps] == ["replaced by a", "declared"]


def test_references_beyond_the_holders_are_tried_once() -> None:
    """They may be the holders' own; what refused with as many references is not theirs."""
    simulated, declarations = kernel("b"), [declare("a", UNLOADED), declare("b", UNLOADED)]
    simulated.use("a", 1)
    found = planned(simulated, declarations)
    assert found.steps == [("unload", "b"), ("unload", "a")]
    memory = carry_out(simulated, found.plan, Memory())
    assert simulated.present() == {A}
    simulated.insert("b")
    later = planned(simulated, declarations, memory=memory, now_us=NOW_US + 60_000_000)
    assert later.steps == [("unload", "b")]
    assert verdict(later, "a") == (Condition.IN_USE, "in use by unattributed: 1")


def test_what_can_never_be_unloaded_is_not_tried() -> None:
    found = planned(kernel("fast"), [declare("fast", DENIED)])
    assert verdict(found, "fast") == (
        Condition.DENIED_BUT_LOADED,
        "it can never be unloaded: it has no exit function, or this kernel unloads none",
    )
    assert not found.plan.steps


def test_what_is_on_its_way_out_is_not_unloaded_again() -> None:
    simulated = kernel("a")
    simulated.set_state("a", ModuleState.UNLOADING)
    found = planned(simulated, [declare("a", UNLOADED)])
    assert verdict(found, "a") == (Condition.IN_USE, "it is unloading, but not by kmodd")
    assert (found.plan.steps, found.plan.wake_at_us) == ((), NOW_US + 1_000_000)
    under_way = planned(
        simulated, [declare("a", UNLOADED)], memory=Memory(in_flight={A: Flight(ActionKind.UNLOAD, NOW_US)})
    )
    assert verdict(under_way, "a") == (Condition.LOADING, "an action on it is under way")
    assert under_way.plan.wake_at_us == NOW_US + 30_000_000
    slow = planned(
        simulated,
        [declare("a", UNLOADED)],
        memory=Memory(in_flight={A: Flight(ActionKind.UNLOAD, NOW_US - 30_000_000)}),
    )
    assert verdict(slow, "a") == (
        Condition.LOADING_SLOW,
        "an action on it has taken more than 30 s; it goes on",
    )


def test_a_failed_unload_stands_until_it_is_due() -> None:
    memory = Memory({A: failed(ActionKind.UNLOAD, Condition.BACKING_OFF, NOW_US + 7)})
    found = planned(kernel("a"), [declare("a", UNLOADED)], memory=memory)
    assert verdict(found, "a") == (Condition.IN_USE, "it failed")
    assert (found.plan.steps, found.plan.wake_at_us) == ((), NOW_US + 7)
