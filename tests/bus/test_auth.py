"""Who may call what: the table against the interfaces, and the table against real callers."""

import asyncio
import os

import pytest

from kmodd.bus import auth, names
from kmodd.bus.connection import RemoteError
from kmodd.bus.interfaces import MANAGER, MODULE
from kmodd.bus.message import CALL, Message
from kmodd.bus.standard import STANDARD
from kmodd.bus.table import Interface, Method
from kmodd.errors import ErrorKind, KmoddError
from tests.bus.manager import FakeManager
from tests.bus.polkit import polkit
from tests.bus.private_bus import NOBODY, PrivateBus, busctl, client, manager_call, serving

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be several users")
CHANGING: dict[str, tuple[str, ...]] = {
    "Reload": (),
    "Reconcile": (),
    "Release": ("s", "dummy"),
    "SetOverride": ("sa{sv}", "dummy", "0"),
    "ClearOverride": ("s", "dummy"),
    "Retry": ("s", "dummy"),
    "Pause": (),
    "Resume": (),
    "CreateCheckpoint": ("u", "60"),
    "Commit": ("s", "0123"),
    "Rollback": ("s", "0123"),
}
"""Every changing member of the manager, with arguments."""
READING = ("Plan", "ListModules")
_RELOAD = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "Reload")


@pytest.mark.shows("P10", "security 1")
def test_every_member_has_a_row_and_every_row_a_member() -> None:
    members = {f"{each.name}.{name}" for each in (MANAGER, MODULE, *STANDARD) for name in each.methods}
    assert members == set(auth.ACTIONS)


@pytest.mark.shows("security 1")
def test_changing_members_need_the_action() -> None:
    changing = {name for name, action in auth.ACTIONS.items() if action is not auth.READ}
    own = {f"{names.MANAGER_INTERFACE}.{member}" for member in CHANGING}
    assert changing == own | {f"{names.PROPERTIES}.Set"}
    assert {auth.ACTIONS[name] for name in changing} == {"org.kmodd1.manage"}


@pytest.mark.shows("security 1")
def test_a_member_without_a_row_is_refused(bus: PrivateBus) -> None:
    forgotten = Interface("org.kmodd1.Test", methods=(Method("Open", (), (), lambda _: None),))

    async def main() -> None:
        async with serving(bus, FakeManager()) as served, client(bus) as caller:
            served.service.export("/org/kmodd1/test", forgotten, None)
            with pytest.raises(RemoteError) as caught:
                await caller.call((names.SERVICE, "/org/kmodd1/test", "org.kmodd1.Test", "Open"))
        assert caught.value.name == "org.kmodd1.Error.NotAuthorized"

    asyncio.run(main())


@pytest.mark.shows("P10")
@needs_root
def test_root_may_without_polkit(bus: PrivateBus) -> None:
    async def main() -> None:
        manager = FakeManager()
        async with serving(bus, manager):
            for member, arguments in CHANGING.items():
                assert (await manager_call(bus, member, *arguments)).status == 0
        assert len(manager.calls) == len(CHANGING)

    asyncio.run(main())


@pytest.mark.shows("P10", "security 1")
@needs_root
@pytest.mark.parametrize("answer", [False, "internal error"])
def test_nobody_reads_everything_and_changes_nothing(bus: PrivateBus, answer: bool | str) -> None:
    async def main() -> None:
        manager = FakeManager()
        async with serving(bus, manager), polkit(bus, answer):
            for member in READING:
                assert (await manager_call(bus, member, user=NOBODY)).status == 0
            for member, arguments in CHANGING.items():
                refused = await manager_call(bus, member, *arguments, user=NOBODY)
                assert "for root and for whom polkit allows" in refused.err
            printed = await set_paused(bus)
        assert manager.calls == ["plan"]
        assert "for root and for whom polkit allows" in printed

    asyncio.run(main())


async def set_paused(bus: PrivateBus) -> str:
    """Try to set a property as nobody; the error."""
    target = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "Paused", "b", "true")
    printed = await busctl(bus, "set-property", *target, user=NOBODY)
    assert printed.status == 1
    return printed.err


@pytest.mark.shows("fault: no bus", "security 2")
@needs_root
def test_without_polkit_nobody_is_refused(bus: PrivateBus) -> None:
    async def main() -> None:
        manager = FakeManager()
        async with serving(bus, manager):
            printed = await manager_call(bus, "Reload", user=NOBODY)
        assert printed.status == 1
        assert manager.calls == []

    asyncio.run(main())


@pytest.mark.shows("security 2")
@needs_root
@pytest.mark.parametrize(("allow", "flags"), [("true", 1), ("false", 0)])
def test_polkit_is_asked_about_the_bus_name(bus: PrivateBus, allow: str, flags: int) -> None:
    async def main() -> None:
        manager = FakeManager()
        async with serving(bus, manager), polkit(bus, answer=True) as asked:
            target = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "Reload")
            interactive = f"--allow-interactive-authorization={allow}"
            printed = await busctl(bus, interactive, "call", *target, user=NOBODY)
        assert printed.status == 0
        ((subject, action, details, asked_flags, request),) = asked.asked
        kind, about = subject
        assert (kind, list(about), about["name"].value[0]) == ("system-bus-name", ["name"], ":")
        assert (action, details, asked_flags) == ("org.kmodd1.manage", {}, flags)
        assert request

    asyncio.run(main())


@pytest.mark.shows("security 2")
def test_silence_of_polkit_is_a_refusal_and_the_request_is_taken_back(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "SILENT_TIMEOUT_S", 0.01)
    monkeypatch.setattr(auth.Authorizer, "_is_root", is_not_root)

    async def main() -> None:
        manager = FakeManager()
        async with serving(bus, manager), polkit(bus, answer=None) as silent, client(bus) as caller:
            with pytest.raises(RemoteError) as caught:
                await caller.call(_RELOAD)
            await caller.call((names.POLKIT, names.POLKIT_PATH, names.PEER, "CancelCheckAuthorization"))
        assert caught.value.name == "org.kmodd1.Error.NotAuthorized"
        assert silent.cancelled == [silent.asked[0][4]]
        assert manager.calls == []

    asyncio.run(main())


async def is_not_root(_self: auth.Authorizer, _sender: str) -> bool:
    """Everybody is somebody else, whoever runs the tests."""
    return False


@pytest.mark.shows("security 2")
def test_a_caller_that_has_gone_is_refused(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager()) as served, polkit(bus, answer="no such name"):
            async with client(bus) as caller:
                gone = Message(CALL, sender=caller.unique_name, member="Reload")
            with pytest.raises(KmoddError) as caught:
                await auth.Authorizer(served.connection).check(gone, names.MANAGE_ACTION)
        assert caught.value.kind is ErrorKind.NOT_AUTHORIZED

    asyncio.run(main())
