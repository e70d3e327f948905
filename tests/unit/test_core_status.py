"""What is shown of a module and of the whole."""

import pytest

from kmodd.action import ActionKind
from kmodd.core.memory import Attempt, LoadRecord, Memory, Retry
from kmodd.core.status import GOOD, UNDER_WAY, converged, daemon_state, unmanaged_status
from kmodd.model import Declaration, Desired, Facts, Parameter
from kmodd.names import ModuleName
from kmodd.shown import (
    Condition,
    DaemonState,
    Issue,
    Location,
    ModuleState,
    ModuleStatus,
    Severity,
    Source,
)
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import planned
from tests.support.simulated_kernel import SimulatedKernel, module

BASE, DUMMY = ModuleName("base"), ModuleName("dummy")
SOURCE = Source("state", "loaded", Location("/etc/kmodd.d/a.toml", 2, 1))


def kernel(*loaded: str) -> SimulatedKernel:
    simulated = SimulatedKernel(
        [
            module("base"),
            module("dummy", "base", number=KernelParameter()),
            module("core", builtin=True),
        ]
    )
    for name in loaded:
        simulated.insert(name)
    return simulated


def test_everything_that_the_kernel_and_the_files_say() -> None:
    declaration = Declaration(
        DUMMY, parameters=(Parameter("number", "0"),), reason="a test", sources=(SOURCE,)
    )
    simulated = kernel("dummy")
    record = LoadRecord(simulated.instance(DUMMY), (), 7_000_000, 1500, ("dummy: hello",))
    found = planned(simulated, [declaration], memory=Memory(loads={DUMMY: record}))
    status = found.statuses[DUMMY]
    assert (status.name, status.desired, status.reason) == (DUMMY, "loaded", "a test")
    assert (status.state, status.condition) == (ModuleState.LOADED, Condition.IN_SYNC)
    assert (status.parameters, status.desired_parameters) == ({"number": "0"}, {"number": "0"})
    assert (status.refcount, status.dependencies) == (0, (BASE,))
    assert status.memory_bytes == 16384
    assert status.path.endswith("/dummy.ko")
    assert (status.loaded_us, status.load_duration_us) == (7_000_000, 1500)
    assert status.kernel_messages == ("dummy: hello",)
    assert status.sources == (SOURCE,)
    base = found.statuses[BASE]
    assert (base.desired, base.refcount, base.holders, base.loaded_us) == ("", 1, (DUMMY,), 0)


def test_a_record_of_another_instance_is_not_shown() -> None:
    memory = Memory(loads={DUMMY: LoadRecord(1, (), 7, 7, ("old",))})
    status = planned(kernel("dummy"), [Declaration(DUMMY)], memory=memory).statuses[DUMMY]
    assert (status.loaded_us, status.load_duration_us, status.kernel_messages) == (0, 0, ())


def test_a_failure_is_shown_with_the_time_of_the_wall_clock() -> None:
    attempt = Attempt(
        ActionKind.LOAD, Condition.BACKING_OFF, "it failed", Retry.BACKOFF, 4, 10**10, 5, ("why",)
    )
    status = planned(kernel(), [Declaration(BASE)], memory=Memory({BASE: attempt})).statuses[BASE]
    assert (status.condition, status.message) == (Condition.BACKING_OFF, "it failed")
    assert (status.failure_count, status.next_retry_us) == (4, 10**10 + 5_000_000)
    assert status.kernel_messages == ("why",)


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("base", ModuleState.NOT_LOADED),
        ("core", ModuleState.BUILTIN),
        ("ghost", ModuleState.MISSING),
    ],
)
def test_where_a_module_is_that_proc_modules_does_not_list(name: str, state: ModuleState) -> None:
    declaration = Declaration(ModuleName(name), Desired.AUTO)
    assert planned(kernel(), [declaration]).statuses[ModuleName(name)].state is state


def test_a_module_that_no_file_names() -> None:
    simulated = kernel("dummy")
    seen = simulated.modules()[BASE]
    status = unmanaged_status(simulated.info(BASE), seen, Facts())
    assert (status.condition, status.desired, status.holders) == (Condition.NOT_MANAGED, "", (DUMMY,))


def status(condition: Condition) -> ModuleStatus:
    return ModuleStatus(BASE, "loaded", ModuleState.LOADED, condition, "")


def issues(severity: Severity) -> tuple[Issue, ...]:
    return (Issue(severity, "x", "", "", Location("a")),)


@pytest.mark.parametrize("condition", list(Condition))
@pytest.mark.parametrize("settled", [False, True])
def test_one_bad_module_degrades_once_everything_has_been_tried(condition: Condition, settled: bool) -> None:
    fine = condition in GOOD or condition in UNDER_WAY
    state = daemon_state((), {BASE: status(condition)}, settled=settled, paused=False)
    if not settled:
        assert state is DaemonState.STARTING
    else:
        assert state is (DaemonState.CONVERGED if fine else DaemonState.DEGRADED)


@pytest.mark.parametrize(
    ("severity", "settled", "paused", "expected"),
    [
        (Severity.ERROR, False, False, DaemonState.DEGRADED),
        (Severity.ERROR, True, False, DaemonState.DEGRADED),
        (Severity.WARNING, True, False, DaemonState.CONVERGED),
        (Severity.WARNING, False, False, DaemonState.STARTING),
        (Severity.ERROR, True, True, DaemonState.PAUSED),
    ],
)
def test_a_broken_file_degrades(
    severity: Severity, settled: bool, paused: bool, expected: DaemonState
) -> None:
    assert daemon_state(issues(severity), {}, settled=settled, paused=paused) is expected


def test_converged_is_nothing_to_do_and_nothing_to_wait_for() -> None:
    assert converged(planned(kernel(), []).plan, {})
    assert converged(planned(kernel(), []).plan, {BASE: status(Condition.CONDITION_UNMET)})
    assert not converged(planned(kernel(), []).plan, {BASE: status(Condition.BACKING_OFF)})
    assert not converged(planned(kernel(), [Declaration(BASE)]).plan, {})
