"""Why an unload or a write failed, and what a log entry says of any failure."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.core.diagnose import (
    LOST,
    NEED_MOVED,
    UNDONE,
    Diagnosis,
    Known,
    errno_name,
    unload_failure,
    write_failure,
)
from kmodd.core.load_failure import load_failure
from kmodd.core.memory import Retry
from kmodd.model import ObservedModule, Parameter, Security
from kmodd.names import ModuleName
from kmodd.shown import Condition, ModuleState

CARD = ModuleName("card")
LIVE = ObservedModule(CARD, ModuleState.LOADED)
COMING, GOING = (ObservedModule(CARD, state) for state in (ModuleState.LOADING, ModuleState.UNLOADING))
PERMANENT = LIVE._replace(permanent=True)
FAILED, BACKING = Condition.FAILED, Condition.BACKING_OFF
DISABLED = Security(modules_disabled=True)
ADVICE = "correct it, `modinfo -p` describes it"


@pytest.mark.parametrize(
    ("error", "seen", "security", "condition", "message"),
    [
        (errno.EAGAIN, LIVE, Security(), Condition.IN_USE, "it is in use (EAGAIN)"),
        (errno.EWOULDBLOCK, None, Security(), Condition.IN_USE, "it is in use (EAGAIN)"),
        (
            errno.EBUSY,
            PERMANENT,
            Security(),
            FAILED,
            "init-error: it has no exit function, so it stays until the next boot (EBUSY)",
        ),
        (errno.EBUSY, COMING, Security(), BACKING, "init-error: its init function has not ended yet (EBUSY)"),
        (
            errno.EBUSY,
            GOING,
            Security(),
            BACKING,
            "init-error: somebody is unloading it already, and that has not ended (EBUSY)",
        ),
        (errno.EBUSY, LIVE, Security(), BACKING, "init-error: it was just coming or going (EBUSY)"),
        (errno.EBUSY, None, Security(), BACKING, "init-error: it was just coming or going (EBUSY)"),
        (
            errno.EPERM,
            LIVE,
            DISABLED,
            FAILED,
            "modules-disabled: modules can neither be loaded nor unloaded until the next boot (EPERM): "
            "kernel.modules_disabled is 1; find out which file in sysctl.d sets it, and reboot",
        ),
        (
            errno.EPERM,
            LIVE,
            Security(),
            FAILED,
            "modules-disabled: kmodd may not unload modules (EPERM): CAP_SYS_MODULE or a system call filter "
            "keeps it from that; look for drop-ins of kmodd.service",
        ),
        (errno.EINTR, LIVE, Security(), BACKING, "init-error: unloading was interrupted (EINTR)"),
        (errno.EFAULT, LIVE, Security(), FAILED, "init-error: unloading failed with EFAULT"),
    ],
)
def test_a_failed_unload(
    error: int, seen: ObservedModule | None, security: Security, condition: Condition, message: str
) -> None:
    found = unload_failure(error, seen, Known(CARD, security=security))
    assert (found.condition, found.message) == (condition, message)
    assert found.retry is (Retry.CHANGE if condition is FAILED else Retry.BACKOFF)


@pytest.mark.parametrize(
    ("error", "condition", "message"),
    [
        (errno.EACCES, FAILED, f"does not take '5', it is taken at a load only (EACCES); {ADVICE}"),
        (
            errno.EPERM,
            FAILED,
            f"does not take '5', nothing can set it, or that is not permitted (EPERM); {ADVICE}",
        ),
        (
            errno.EROFS,
            FAILED,
            f"does not take '5', it can only be switched on, or /sys is read-only (EROFS); {ADVICE}",
        ),
        (errno.EINVAL, FAILED, f"does not take '5', that is not valid (EINVAL); {ADVICE}"),
        (errno.ERANGE, FAILED, f"does not take '5', that is out of range (ERANGE); {ADVICE}"),
        (errno.ENOSPC, FAILED, f"does not take '5', that is too long (ENOSPC); {ADVICE}"),
        (errno.EIO, FAILED, f"does not take '5', the module refused it (EIO); {ADVICE}"),
    ],
)
def test_a_failed_write_of_one_parameter_names_it(error: int, condition: Condition, message: str) -> None:
    found = write_failure(error, (Parameter("level", "5"),))
    assert (found.condition, found.message) == (condition, f"bad-parameter: parameter level {message}")
    assert found.retry is Retry.CHANGE


@pytest.mark.parametrize(
    ("error", "condition", "message"),
    [
        (errno.ENOMEM, BACKING, "no-memory: the kernel had no memory for a value (ENOMEM)"),
        (errno.EBUSY, BACKING, "bad-parameter: the module does not take a value now (EBUSY)"),
        (errno.EAGAIN, BACKING, "bad-parameter: the module does not take a value now (EAGAIN)"),
        (errno.EINTR, BACKING, "bad-parameter: the module does not take a value now (EINTR)"),
        (
            errno.EINVAL,
            FAILED,
            "bad-parameter: the module refused a value of one of a, b (EINVAL); compare the parameters with "
            "`modinfo`",
        ),
    ],
)
def test_a_failed_write_of_several(error: int, condition: Condition, message: str) -> None:
    found = write_failure(error, (Parameter("a", "1"), Parameter("b", "2")))
    assert (found.condition, found.message) == (condition, message)
    assert found.retry is (Retry.CHANGE if condition is FAILED else Retry.BACKOFF)


def test_a_write_that_nothing_is_known_of() -> None:
    message = "bad-parameter: the module refused a value (EINVAL); compare the parameters with `modinfo`"
    assert write_failure(errno.EINVAL).message == message


@pytest.mark.parametrize(
    ("untaken", "which"),
    [((), "a parameter of it"), ((Parameter("io", "1"), Parameter("irq", "2")), "the parameter io, irq")],
)
def test_a_write_under_lockdown(untaken: tuple[Parameter, ...], which: str) -> None:
    said = "Lockdown: kmodd-loader: unsafe module parameters is restricted; see man kernel_lockdown.7"
    found = write_failure(errno.EPERM, untaken, (said,), Known(CARD))
    assert found.message == (
        f"lockdown: the kernel is locked down and does not let {which} be set (EPERM); leave it out"
    )


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            NEED_MOVED,
            "unknown-symbol: a module that it needs was taken out meanwhile (ENOENT); it is tried again",
        ),
        (LOST, "init-error: the process that did it ended without a report; it is tried again"),
        (UNDONE, "init-error: it was done, and somebody has undone it since; it is tried again"),
    ],
)
def test_what_is_said_of_a_failure_without_an_errno(found: Diagnosis, sentence: str) -> None:
    assert found.message == sentence


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (load_failure(errno.EBADMSG), "bad-signature"),
        (load_failure(errno.ENOMEM), "no-memory"),
        (load_failure(errno.ENODEV), "waiting-for-hardware"),
        (unload_failure(errno.EAGAIN), "in-use"),
    ],
)
def test_a_log_entry_has_the_code_that_says_more(found: Diagnosis, told: str) -> None:
    assert found.told == told


@given(st.integers(1, 1 << 31), st.sampled_from((None, LIVE, COMING, GOING, PERMANENT)), st.booleans())
def test_no_errno_is_without_a_diagnosis(error: int, seen: ObservedModule | None, disabled: bool) -> None:
    known = Known(CARD, security=Security(modules_disabled=disabled))
    for found in (unload_failure(error, seen, known), write_failure(error, (), (), known)):
        assert errno_name(error) in found.message
        assert found.condition in (FAILED, BACKING, Condition.IN_USE)
