"""The parameter ladder rung by rung, where a scenario of a whole case says too little."""

import errno

import pytest

from kmodd.action import ActionKind
from kmodd.core.draft import only_reported
from kmodd.core.judgement import judge_write
from kmodd.core.memory import Attempt, Flight, LoadRecord, Memory, Retry
from kmodd.model import Declaration, Desired, Parameter, ParameterPolicy, Report, WriteRequest
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import NOW_US, Planned, carry_out, looked, planned
from tests.support.simulated_kernel import SimulatedKernel, module

BASE, TOP, CARD = map(ModuleName, ("base", "top", "card"))
RELOAD = ParameterPolicy.RELOAD


def kernel(*loaded: str) -> SimulatedKernel:
    simulated = SimulatedKernel(
        [
            module("base", level=KernelParameter(mode=0o444), volume=KernelParameter()),
            module("top", "base"),
            module("card", hidden=KernelParameter(mode=0), max_loop=KernelParameter()),
            module("rival"),
        ]
    )
    for name in loaded:
        simulated.insert(name)
    return simulated


def declare(
    name: str,
    state: Desired = Desired.LOADED,
    policy: ParameterPolicy = ParameterPolicy.WRITE,
    **parameters: str,
) -> Declaration:
    given = tuple(Parameter(*item) for item in parameters.items())
    return Declaration(ModuleName(name), state, given, policy)


def verdict(found: Planned, name: ModuleName) -> tuple[Condition, str]:
    return found.plan.verdicts[name].condition, found.plan.verdicts[name].message


def test_a_reload_says_what_goes_and_why() -> None:
    declarations = [declare("base", policy=RELOAD, level="1"), declare("top")]
    found = planned(kernel("top"), declarations)
    assert [(step.module, step.reason, step.strong, step.owed) for step in found.plan.steps] == [
        (TOP, "to be loaded again after base", (), True),
        (BASE, "to be loaded again with other parameters", (TOP,), True),
    ]
    assert verdict(found, BASE) == (Condition.LOADING, "level is '0', wanted '1'; it is being reloaded")
    assert verdict(found, TOP) == (Condition.LOADING, "it is to be loaded again after base")
    assert found.plan.asks == {BASE, TOP}, "an interface that is up counts no reference"


def test_what_only_comes_after_it_waits_until_it_is_back() -> None:
    later = Declaration(CARD, after=(BASE,))
    simulated, declarations = kernel("base"), [declare("base", policy=RELOAD, level="1"), later]
    found = planned(simulated, declarations)
    assert found.steps == [("unload", "base")]
    assert verdict(found, CARD) == (
        Condition.WAITING_FOR_DEPENDENCY,
        "it goes after base, which is loading: level is '0', wanted '1'; it is being reloaded",
    )
    memory = carry_out(simulated, found.plan, Memory())
    assert planned(simulated, declarations, memory=memory).steps == [("load", "base"), ("load", "card")]


def test_what_comes_back_says_why() -> None:
    simulated = kernel()
    memory = Memory(owed=frozenset((BASE,)))
    found = planned(simulated, [declare("base", Desired.AUTO)], memory=memory)
    assert [(step.module, step.reason) for step in found.plan.steps] == [
        (BASE, "kmodd took it out to load it again")
    ]
    unnamed = planned(simulated, [], memory=memory)
    assert [step.module for step in unnamed.plan.steps] == [BASE], "also where no file names it any more"


@pytest.mark.parametrize("state", [Desired.UNLOADED, Desired.DENIED])
def test_what_is_declared_absent_meanwhile_does_not_come_back(state: Desired) -> None:
    found = planned(kernel(), [declare("base", state)], memory=Memory(owed=frozenset((BASE,))))
    assert not found.plan.steps


def test_what_is_owed_is_not_brought_back_against_kmodd_skip() -> None:
    memory = Memory(owed=frozenset((BASE,)))
    facts = planned(kernel(), []).desired.facts._replace(command_line=("kmodd.skip=base",))
    for declarations in ([], [declare("base")]):
        assert not planned(kernel(), declarations, facts=facts, memory=memory).plan.steps


def test_while_it_is_out_no_rival_takes_its_place() -> None:
    rival = Declaration(ModuleName("rival"), conflicts=(BASE,))
    declarations = [rival, declare("base", policy=RELOAD, level="1")]
    simulated = kernel("base")
    found = planned(simulated, declarations)
    assert found.steps == [("unload", "base")]
    assert verdict(found, rival.name) == (
        Condition.CONFLICT,
        "it conflicts with base, and that is being loaded again",
    )
    memory = carry_out(simulated, found.plan, Memory())
    found = planned(simulated, declarations, memory=memory)
    assert found.steps == [("load", "base")]
    failed = memory._replace(attempts={BASE: _failed(ActionKind.LOAD)})
    assert planned(simulated, declarations, memory=failed).steps == [("load", "rival")]


def _failed(kind: ActionKind) -> Attempt:
    return Attempt(kind, Condition.FAILED, "it failed", Retry.CHANGE, 1)


def test_what_is_being_taken_out_is_loaded_after_that() -> None:
    memory = Memory(in_flight={BASE: Flight(ActionKind.UNLOAD, NOW_US)}, owed=frozenset((BASE,)))
    found = planned(kernel("base"), [declare("base"), declare("top")], memory=memory)
    assert verdict(found, BASE) == (Condition.LOADING, "being taken out; it is loaded after that")
    assert verdict(found, TOP)[0] is Condition.WAITING_FOR_DEPENDENCY
    assert not found.plan.steps


@pytest.mark.parametrize(
    ("given", "loaded_us", "condition", "text"),
    [
        ("2", 7, Condition.RELOAD_PENDING, "hidden was loaded as '2', wanted '3'; parameters are taken at"),
        (
            "",
            7,
            Condition.RELOAD_PENDING,
            "it was loaded without hidden, wanted '3'; parameters are",
        ),
        ("2", 0, Condition.UNVERIFIABLE, "cannot be read back and was not set by kmodd: hidden"),
    ],
)
def test_an_unreadable_parameter_of_a_load_of_ours_is_known(
    given: str, loaded_us: int, condition: Condition, text: str
) -> None:
    simulated = kernel("card")
    parameters = (Parameter("hidden", given),) if given else ()
    record = LoadRecord(simulated.instance(CARD), parameters, loaded_us, 0)
    found = planned(simulated, [declare("card", hidden="3")], memory=Memory(loads={CARD: record}))
    assert verdict(found, CARD)[0] is condition
    assert verdict(found, CARD)[1].startswith(text)


def test_a_plan_that_is_only_reported_says_so() -> None:
    found = planned(kernel(), [declare("base"), declare("rival")])
    told = only_reported(found.plan)
    assert told.steps == found.plan.steps
    assert told.verdicts[BASE].message == "to be loaded; but kmodd only reports"


def test_a_parameter_is_written_under_the_name_that_its_file_has() -> None:
    declaration = Declaration(CARD, parameters=(Parameter("max-loop", "3"),))
    (step,) = planned(kernel("card"), [declaration]).plan.steps
    assert step.request == WriteRequest(CARD, (Parameter("max_loop", "3"),))
    assert step.detail == "max-loop=3"
    assert step.parameters == declaration.parameters


def test_while_parameters_are_written_that_is_all() -> None:
    memory = Memory(in_flight={BASE: Flight(ActionKind.WRITE, NOW_US)})
    found = planned(kernel("base"), [declare("base", volume="1"), declare("top")], memory=memory)
    assert verdict(found, BASE) == (Condition.DRIFTED, "its parameters are being written")
    assert found.steps == [("load", "top")], "it can be used meanwhile"


def test_a_refused_value_is_tried_again_when_something_changes_and_forgotten_when_it_holds() -> None:
    simulated, declarations = kernel("base"), [declare("base", volume="1")]
    memory = Memory(attempts={BASE: _failed(ActionKind.WRITE)})
    found = planned(simulated, declarations, memory=memory)
    assert (found.plan.steps, found.plan.wake_at_us) == ((), 0)
    assert verdict(found, BASE) == (Condition.DRIFTED, "volume is '0', wanted '1'; it failed")
    simulated.poke("base", "volume", "1")
    found = planned(simulated, declarations, memory=memory)
    assert found.plan.mended == {BASE}
    assert not looked(found, memory).attempts


@pytest.mark.parametrize(
    ("error", "condition", "text"),
    [
        (errno.EBUSY, Condition.BACKING_OFF, "bad-parameter: the module does not take a value now (EBUSY)"),
        (errno.EINTR, Condition.BACKING_OFF, "bad-parameter: the module does not take a value now (EINTR)"),
        (
            errno.EIO,
            Condition.FAILED,
            "bad-parameter: the module refused a value (EIO); compare the parameters with `modinfo`",
        ),
    ],
)
def test_a_failed_write(error: int, condition: Condition, text: str) -> None:
    _, attempt = judge_write(None, Report(error), NOW_US, 0.5, gone=False)
    assert attempt is not None
    assert (attempt.condition, attempt.message) == (condition, text)
    assert (attempt.next_retry_us > NOW_US) is (condition is Condition.BACKING_OFF)


def test_a_write_to_a_module_that_is_gone_stands_for_nothing() -> None:
    assert judge_write(None, Report(errno.ENOENT), NOW_US, 0.5, gone=True)[1] is None


def test_what_a_module_made_of_a_value_is_said_until_it_makes_something_else_of_it() -> None:
    simulated = SimulatedKernel([module("card", level=KernelParameter(clamp=(0, 5)))])
    simulated.insert("card")
    declarations = [declare("card", level="9")]
    memory = carry_out(simulated, planned(simulated, declarations).plan, Memory())
    later_us = NOW_US + 3_600_000_000
    found = planned(simulated, declarations, memory=memory, now_us=later_us)
    assert not found.plan.steps
    assert "the module made that of it: level" in found.plan.verdicts[CARD].message
    simulated.poke("card", "level", "2")
    found = planned(simulated, declarations, memory=memory, now_us=later_us)
    assert found.steps == [("write", "card")], "now somebody else has set it"
    simulated.remove("card")
    simulated.insert("card", "level=5")
    found = planned(simulated, declarations, memory=memory, now_us=later_us)
    assert found.steps == [("write", "card")], "another instance may make something else of it"
