"""Calls that change something, made with busctl: what arrives, what is refused, what is announced."""

import asyncio

import pytest

from kmodd.bus import names
from kmodd.errors import ErrorKind, KmoddError
from tests.bus.manager import FakeManager
from tests.bus.monitor import Heard, monitoring
from tests.bus.private_bus import Printed, PrivateBus, manager_call, serving

OVERRIDE = ("SetOverride", "sa{sv}")


def called(bus: PrivateBus, manager: FakeManager, *call: str) -> Printed:
    """A call of the manager, as a person makes it."""

    async def main() -> Printed:
        async with serving(bus, manager):
            return await manager_call(bus, *call)

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("call", "arrived"),
    [
        ((*OVERRIDE, "dummy", "0"), "override dummy {}"),
        ((*OVERRIDE, "ip-vs", "1", "state", "s", "denied"), "override ip_vs {'state': 'denied'}"),
        (
            (*OVERRIDE, "dummy", "1", "parameters", "a{sv}", "2", "numdummies", "u", "3", "x", "b", "true"),
            "override dummy {'parameters': {'numdummies': 3, 'x': True}}",
        ),
        (
            (*OVERRIDE, "dummy", "1", "requires", "as", "2", "base", "other"),
            "override dummy {'requires': ['base', 'other']}",
        ),
        (("ClearOverride", "s", "ip-vs"), "no override ip_vs"),
        (("Retry", "s", "dummy"), "retry dummy"),
        (("Pause",), "pause"),
        (("Resume",), "resume"),
        (("Commit", "s", "0123"), "commit 0123"),
        (("Rollback", "s", "0123"), "roll back 0123"),
    ],
)
def test_it_arrives_as_plain_values_with_the_canonical_name(
    bus: PrivateBus, call: tuple[str, ...], arrived: str
) -> None:
    manager = FakeManager()
    printed = called(bus, manager, *call)
    assert (printed.status, printed.out, printed.err) == (0, "", "")
    assert manager.calls == [arrived]


@pytest.mark.shows("security 3")
@pytest.mark.parametrize(
    ("call", "said"),
    [
        ((*OVERRIDE, "../x", "0"), "is not a module name"),
        ((*OVERRIDE, "a\nb", "0"), "is not a module name"),
        ((*OVERRIDE, "-f", "0"), "is not a module name"),
        ((*OVERRIDE, "", "0"), "is not a module name"),
        ((*OVERRIDE, "x" * 56, "0"), "is not a module name"),
        ((*OVERRIDE, "dummy", "1", "state", "o", "/x"), "has no place in a file"),
        ((*OVERRIDE, "dummy", "1", "state", "(ss)", "a", "b"), "has no place in a file"),
        (("ClearOverride", "s", "/etc/passwd"), "is not a module name"),
        (("Retry", "s", "*"), "is not a module name"),
        (("SetOverride", "ss", "dummy", "state"), "takes 'sa{sv}'"),
        (("Pause", "s", "x"), "takes 'nothing'"),
        (("CreateCheckpoint", "i", "5"), "takes 'u'"),
    ],
)
def test_what_cannot_be_meant_reaches_nobody(bus: PrivateBus, call: tuple[str, ...], said: str) -> None:
    manager = FakeManager()
    # "--" before a name that looks like an option is busctl's need, not kmodd's.
    printed = called(bus, manager, *call[:1], *(("--",) if "-f" in call else ()), *call[1:])
    assert printed.status == 1
    assert said in printed.err
    assert manager.calls == []


def test_a_checkpoint_has_an_id(bus: PrivateBus) -> None:
    manager = FakeManager()
    printed = called(bus, manager, "CreateCheckpoint", "u", "60")
    assert (printed.out, manager.calls) == ('s "0123"\n', ["checkpoint 60"])


@pytest.mark.shows("security 3")
def test_a_call_that_is_larger_than_any_override_is_refused(bus: PrivateBus) -> None:
    manager = FakeManager()
    printed = called(bus, manager, *OVERRIDE, "dummy", "1", "reason", "s", "x" * 70_000)
    assert printed.status == 1
    assert manager.calls == []


def test_errors_have_their_names(bus: PrivateBus) -> None:
    for kind in (ErrorKind.INVALID_CONFIG, ErrorKind.NOT_FOUND, ErrorKind.STATE_NOT_WRITABLE):
        manager = FakeManager(failure=KmoddError(kind, f"{kind.code}!", "do this"))
        printed = called(bus, manager, *OVERRIDE, "dummy", "0")
        assert printed.status == 1
        assert f"{kind.code}! (do this)" in printed.err


def test_pausing_is_announced(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager()), monitoring(bus) as monitor:
            assert (await manager_call(bus, "Pause")).status == 0
            heard = await monitor.signal()
        changes = {"Paused": {"type": "b", "data": True}}
        assert heard == Heard(names.MANAGER_PATH, "PropertiesChanged", [names.MANAGER_INTERFACE, changes, []])

    asyncio.run(main())
