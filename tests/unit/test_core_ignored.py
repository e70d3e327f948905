"""A load that succeeded and left a parameter aside: what the log says of it, and what becomes of it."""

import pytest

from kmodd.core.kernel_lines import given, ignored
from kmodd.core.memory import Memory
from kmodd.model import Declaration, Parameter, ParameterPolicy
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import Planned, carry_out, looked, planned
from tests.support.simulated_kernel import SimulatedKernel, module

CARD = ModuleName("card")
TEXT = "at loading; correct the name, or what modprobe.d puts before it, and load the module anew"


@pytest.mark.parametrize(
    ("line", "options", "wanted", "found"),
    [
        ("card: unknown parameter 'foo' ignored", "foo=1", ["foo"], ["foo"]),
        ("card: unknown parameter 'card' ignored", "card.level=1", ["card.level"], ["card.level"]),
        ("card: parameters 'level=1 b=2' after `--' ignored", "a=1 -- level=1 b=2", ["a", "b"], ["b"]),
        ("card: parameters 'level=1 and so", "-- level=1 b=2", ["level", "b"], ["level", "b"]),
        ("card: parameters 'b=2' after `--' ignored", "b=2", ["b"], []),
        ("card: unknown parameter 'foo' ignored", "bar=1", ["bar"], []),
        ("deck: unknown parameter 'foo' ignored", "foo=1", ["foo"], []),
        ("deck: card: unknown parameter 'foo' ignored", "foo=1", ["foo"], []),
        ("card: unknown parameter 'foo' ignored, they say", "foo=1", ["foo"], []),
        ("", "foo=1", ["foo"], []),
    ],
)
def test_what_the_kernel_says_that_it_ignored(
    line: str, options: str, wanted: list[str], found: list[str]
) -> None:
    parameters = [Parameter(name, "1") for name in wanted]
    assert [p.name for p in ignored([line], CARD, options, parameters)] == found


def test_an_options_string_is_taken_apart_up_to_two_dashes() -> None:
    assert list(given('a=1 flag b="x y" "c=1 2" -- d=4')) == [
        ("a", "1"),
        ("flag", ""),
        ("b", "x y"),
        ("c", "1 2"),
    ]


def declare(*parameters: str, policy: ParameterPolicy = ParameterPolicy.WRITE) -> list[Declaration]:
    return [
        Declaration(CARD, parameters=tuple(Parameter(p, "1") for p in parameters), on_parameter_change=policy)
    ]


def kernel(options: str = "", mode: int = 0o644) -> SimulatedKernel:
    """``phantom`` is described in modinfo, and no parameter."""
    level = KernelParameter(mode=mode)
    return SimulatedKernel([module("card", options=options, described=("phantom",), level=level)])


def settled(
    simulated: SimulatedKernel, declarations: list[Declaration], memory: Memory | None = None
) -> tuple[Planned, Memory]:
    """After all plans that have steps; there are few."""
    memory = memory or Memory()
    for _ in range(3):
        found = planned(simulated, declarations, memory=memory)
        memory = carry_out(simulated, found.plan, looked(found, memory))
    found = planned(simulated, declarations, memory=memory)
    assert not found.plan.steps
    return found, memory


@pytest.mark.parametrize("policy", ParameterPolicy)
def test_it_is_a_failure_and_not_tried_again(policy: ParameterPolicy) -> None:
    simulated = kernel()
    found, memory = settled(simulated, declare("phantom", "level", policy=policy))
    verdict = found.plan.verdicts[CARD]
    assert (verdict.condition, verdict.message) == (
        Condition.FAILED,
        f"bad-parameter: the kernel ignored phantom {TEXT}",
    )
    assert found.plan.wake_at_us == 0
    assert CARD in simulated.present()
    assert memory.loads[CARD].parameters == (Parameter("level", "1"),)


def test_it_ends_when_nobody_declares_it_any_more() -> None:
    simulated = kernel()
    _, memory = settled(simulated, declare("phantom", "level"))
    found, _ = settled(simulated, declare("level"), memory)
    assert found.plan.verdicts[CARD].condition is Condition.IN_SYNC


def test_of_another_instance_nothing_is_known() -> None:
    simulated = kernel()
    _, memory = settled(simulated, declare("phantom"))
    simulated.remove("card")
    simulated.insert("card")
    found, _ = settled(simulated, declare("phantom"), memory)
    assert found.plan.verdicts[CARD].condition is Condition.UNVERIFIABLE


def test_another_value_is_another_wish() -> None:
    """A load with it may be what is wanted, and the policy says whether kmodd does it."""
    simulated = kernel()
    _, memory = settled(simulated, declare("phantom"))
    other = [Declaration(CARD, parameters=(Parameter("phantom", "2"),))]
    found, _ = settled(simulated, other, memory)
    assert found.plan.verdicts[CARD].condition is Condition.RELOAD_PENDING


def test_what_is_mended_beside_it_keeps_its_own_condition() -> None:
    simulated = kernel(mode=0o444)
    _, memory = settled(simulated, declare("phantom"))
    found, _ = settled(simulated, declare("phantom", "level"), memory)
    verdict = found.plan.verdicts[CARD]
    assert verdict.condition is Condition.RELOAD_PENDING
    assert verdict.message.endswith(f"; the kernel ignored phantom {TEXT}")


def test_what_came_after_two_dashes_is_written_where_it_can_be() -> None:
    simulated = kernel(options="--")
    found, memory = settled(simulated, declare("level"))
    assert found.plan.verdicts[CARD].condition is Condition.IN_SYNC
    assert simulated.value("card", "level") == "1"
    assert memory.loads[CARD].ignored == (Parameter("level", "1"),)


@pytest.mark.parametrize("policy", [ParameterPolicy.WRITE, ParameterPolicy.RELOAD])
def test_what_came_after_two_dashes_and_cannot_be_written_is_a_failure(policy: ParameterPolicy) -> None:
    simulated = kernel(options="--", mode=0o444)
    found, memory = settled(simulated, declare("level", policy=policy))
    assert found.plan.verdicts[CARD].condition is Condition.FAILED
    assert len(memory.successes) == 1, "it was loaded once"


def test_it_ends_when_it_reads_as_it_is_to_be() -> None:
    simulated = kernel(options="--", mode=0o444)
    _, memory = settled(simulated, declare("level"))
    zero = [Declaration(CARD, parameters=(Parameter("level", "0"),))]
    record = memory.loads[CARD]._replace(ignored=zero[0].parameters)
    found, _ = settled(simulated, zero, memory._replace(loads={CARD: record}))
    assert found.plan.verdicts[CARD].condition is Condition.IN_SYNC
