"""The blocking client: nobody there, nobody answering, and answers that are not what they should be."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from kmodd.bus import names
from kmodd.bus.auth import Authorizer
from kmodd.bus.encode import encode
from kmodd.bus.message import Message, Variant
from kmodd.cli.bus import client as client_module
from kmodd.cli.bus import manager as manager_module
from kmodd.cli.bus.client import Client
from kmodd.cli.bus.manager import Manager
from kmodd.cli.bus.standing import Overview, Row
from kmodd.errors import ErrorKind, KmoddError
from tests.bus.cli_tool import finish, kmoddctl, rogue, start
from tests.bus.manager import FakeManager, statuses
from tests.bus.polkit import polkit
from tests.bus.private_bus import Printed, PrivateBus, client, serving

T = TypeVar("T")
_PLAN = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "Plan")


async def asked(bus: PrivateBus, question: Callable[[Manager], T], address: str = "") -> T:
    """What a blocking question brings, while this loop serves."""

    def ask() -> T:
        with Client(address or bus.address) as connection:
            return question(Manager(connection))

    return await asyncio.to_thread(ask)


def refused(bus: PrivateBus, question: Callable[[Manager], object]) -> KmoddError:
    """The error that a question ends with."""
    with pytest.raises(KmoddError) as caught:
        asyncio.run(asked(bus, question))
    return caught.value


def test_kmodd_that_is_not_running_is_one_sentence(bus: PrivateBus) -> None:
    asking = (["status"], ["watch"], ["apply"], ["memory"], ["symbols", "x"])
    changing = (["reload"], ["pause"], ["retry", "x"], ["load", "x"], ["set", "x", "a=1"], ["clear", "x"])
    for command in (*asking, *changing):
        assert asyncio.run(kmoddctl(bus, *command)) == Printed(
            18, "", "kmoddctl: kmodd is not running (systemctl start kmodd starts it)\n"
        )


def test_a_bus_that_is_not_there_is_one_sentence(bus: PrivateBus) -> None:
    bus.kill()
    printed = asyncio.run(kmoddctl(bus, "status"))
    assert (printed.status, printed.out) == (13, "")
    assert (
        printed.err
        == f"kmoddctl: the bus at {bus.address} cannot be reached: Connection refused (is dbus running?)\n"
    )


def test_an_address_of_another_kind_is_refused(bus: PrivateBus) -> None:
    async def main() -> Printed:
        return await finish(await start(bus, "status", more={"DBUS_SYSTEM_BUS_ADDRESS": "tcp:host=x"}))

    printed = asyncio.run(main())
    assert (printed.status, printed.out) == (13, "")
    assert "'tcp:host=x' is not the address of a local bus" in printed.err


def test_an_address_with_options_and_alternatives_is_understood(bus: PrivateBus) -> None:
    async def main() -> None:
        path = bus.address.removeprefix("unix:path=")
        address = f"unix:path=/nonexistent/socket,guid=00;unix:path={path.replace('-', '%2d')}"
        async with serving(bus, FakeManager()):
            assert await asked(bus, Manager.overview, address) == await asked(bus, Manager.overview)

    asyncio.run(main())


def test_asking_starts_nobody_and_only_changing_may_ask_for_a_password(bus: PrivateBus) -> None:
    async def main() -> None:
        async with rogue(bus, Plan=("a(ssss)", ([],)), Reload=("u", (1,))) as kmodd:
            assert await asked(bus, Manager.plan) == ()
            assert await asked(bus, Manager.reload) == 1
        assert [(call.member, call.flags) for call in kmodd.calls] == [("Plan", 2), ("Reload", 2 | 4)]

    asyncio.run(main())


def test_kmodd_that_leaves_while_it_is_asked(bus: PrivateBus) -> None:
    async def main() -> Printed:
        async with rogue(bus) as kmodd:
            tool = await start(bus, "reconcile")
            await kmodd.called.wait()
        return await finish(tool)

    printed = asyncio.run(main())
    assert printed == Printed(
        18, "", "kmoddctl: kmodd ended before it had answered (journalctl -u kmodd says why)\n"
    )


def test_a_bus_that_ends_while_kmodd_is_asked(bus: PrivateBus) -> None:
    async def main() -> Printed:
        async with rogue(bus) as kmodd:
            tool = await start(bus, "reconcile")
            await kmodd.called.wait()
            bus.kill()
            return await finish(tool)

    printed = asyncio.run(main())
    assert (printed.status, printed.out) == (13, "")
    assert printed.err == "kmoddctl: the bus closed the connection (is dbus running?)\n"


def test_kmodd_that_does_not_answer_is_not_waited_for_without_end(bus: PrivateBus) -> None:
    async def main() -> None:
        async with rogue(bus):
            with pytest.raises(KmoddError) as caught:
                await asyncio.to_thread(_ask_with_a_short_breath, bus.address)
        assert caught.value.kind is ErrorKind.BUSY
        assert caught.value.message == "kmodd has not answered within 0 s"

    asyncio.run(main())


def _ask_with_a_short_breath(address: str) -> None:
    with Client(address) as connection:
        connection.call(_PLAN, answer="a(ssss)", timeout_s=0.01)


def test_a_change_has_no_limit_but_kmodd_has_to_be_there(
    bus: PrivateBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager_module, "PING_TIMEOUT_S", 0.01)

    async def main() -> None:
        async with rogue(bus, False, Pause=("", ())) as kmodd:
            with pytest.raises(KmoddError) as caught:
                await asked(bus, lambda manager: manager.pause(paused=True))
        assert caught.value.kind is ErrorKind.BUSY
        assert caught.value.hint == "systemctl status kmodd shows how it is"
        assert [call.member for call in kmodd.calls] == ["Ping"]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("signature", "values"), [("a(sss)", ([],)), ("", ()), ("s", ("x",)), ("a(ssss)s", ([], ""))]
)
def test_an_answer_of_another_form_is_a_sentence(
    bus: PrivateBus, signature: str, values: tuple[Any, ...]
) -> None:
    async def main() -> Printed:
        async with rogue(bus, Plan=(signature, values)):
            return await kmoddctl(bus, "plan")

    printed = asyncio.run(main())
    assert (printed.status, printed.out) == (1, "")
    assert "are kmodd and kmoddctl of one version?" in printed.err


def test_properties_of_another_version_are_left_at_their_defaults(bus: PrivateBus) -> None:
    values = {"State": Variant("s", "converged"), "Generation": Variant("s", "x"), "New": Variant("u", 1)}

    async def main() -> None:
        async with rogue(bus, GetAll=("a{sv}", (values,))):
            assert await asked(bus, Manager.overview) == Overview(state="converged")

    asyncio.run(main())


@pytest.mark.shows("security 8")
def test_what_a_hostile_service_says_does_not_reach_the_terminal_raw(bus: PrivateBus) -> None:
    evil = "\x1b[2J\n\u202e"

    async def main() -> list[Printed]:
        values = {
            "State": Variant("s", evil),
            "Version": Variant("s", evil),
            "KernelRelease": Variant("s", evil),
            "Message": Variant("s", evil),
            "Condition": Variant("s", evil),
            "Name": Variant("s", evil),
            "KernelMessages": Variant("as", [evil]),
            "Parameters": Variant("a{ss}", {evil: evil}),
            "Sources": Variant("a(ssus)", [(evil, evil, 1, evil)]),
            "ConfigIssues": Variant("a(suus)", [(evil, 1, 1, evil)]),
        }
        module = {"Name": Variant("s", evil), "MemorySize": Variant("t", 1)}
        answers: dict[str, tuple[str, tuple[Any, ...]]] = {
            "GetAll": ("a{sv}", (values,)),
            "GetModule": ("o", ("/x",)),
            "ListModules": ("a(sssss)", ([(evil,) * 5],)),
            "Plan": ("a(ssss)", ([(evil,) * 4],)),
            "Explain": ("a(ssus)", ([(evil, evil, 1, evil)],)),
            "Reconcile": ("a(sss)", ([(evil, evil, "failed")],)),
            "Retry": ("", ()),
            "Reload": ("u", (1,)),
            "Symbols": ("a(ss)as", ([(evil, evil)], [evil])),
            "GetManagedObjects": ("a{oa{sa{sv}}}", ({"/x": {names.MODULE_INTERFACE: module}},)),
        }
        asking = (
            ["status"],
            ["status", "x"],
            ["list"],
            ["plan"],
            ["explain", "x"],
            ["symbols", "x"],
            ["memory"],
        )
        commands = (*asking, ["reconcile"], ["retry", "x"], ["apply"])
        async with rogue(bus, **answers):
            return [await kmoddctl(bus, *command, *json) for command in commands for json in ([], ["--json"])]

    for printed in asyncio.run(main()):
        assert "\\x1b" in printed.out or "\\u001b" in printed.out
        assert printed.out.replace("\n", "").isprintable()
        assert printed.err == ""


def test_who_may_not_change_is_told_so(bus: PrivateBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Authorizer, "_is_root", is_not_root)

    async def main() -> Printed:
        async with serving(bus, FakeManager()), polkit(bus, answer=False) as asked_polkit:
            printed = await kmoddctl(bus, "reload")
        ((_, _, _, interactive, _),) = asked_polkit.asked
        assert interactive == 1
        return printed

    printed = asyncio.run(main())
    assert (printed.status, printed.out) == (6, "")
    assert "Reload is for root and for whom polkit allows" in printed.err


def test_both_questions_of_status_are_asked_before_either_is_answered(bus: PrivateBus) -> None:
    row = ("loop", "loaded", "loaded", "in-sync", "")

    async def main() -> None:
        async with client(bus) as kmodd:
            calls: asyncio.Queue[Message] = asyncio.Queue()
            kmodd.on_call = calls.put_nowait
            await kmodd.request_name(names.SERVICE)
            asking = asyncio.create_task(asked(bus, Manager.whole))
            overview, modules = await calls.get(), await calls.get()
            kmodd.reply(modules, "a(sssss)", encode("a(sssss)", ([row],)))
            kmodd.reply(overview, "a{sv}", encode("a{sv}", ({"State": Variant("s", "degraded")},)))
            assert await asking == (Overview(state="degraded"), (Row(*row),))

    asyncio.run(main())


def test_many_modules_are_one_question(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager(statuses(2000))):
            assert len(await asked(bus, Manager.modules)) == 2000

    asyncio.run(main())


async def is_not_root(_self: Authorizer, _sender: str) -> bool:
    """Everybody is somebody else, whoever runs the tests."""
    return False


@contextlib.contextmanager
def listening(directory: Path) -> Iterator[tuple[str, socket.socket]]:
    """A socket that is no bus, and its address."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "socket"))
        listener.listen()
        yield f"unix:path={directory}/socket", listener


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (b"REJECTED EXTERNAL\r\n", "the bus refuses our credentials"),
        (b"\xff\xfe\r\n", "the bus refuses our credentials"),
        (b"", "it ended the authentication"),
        (b"OK 0123456789abcdef0123456789abcdef\r\n", "the bus closed the connection"),
        (b"OK 0123456789abcdef0123456789abcdef\r\nHTTP/1.1 400 Bad Request", "the bus sent what cannot"),
    ],
)
def test_what_is_no_bus_is_a_sentence(tmp_path: Path, said: bytes, sentence: str) -> None:
    async def main() -> KmoddError:
        with listening(tmp_path) as (address, listener):
            talk = asyncio.create_task(asyncio.to_thread(_say, listener, said))
            with pytest.raises(KmoddError) as caught:
                await asyncio.to_thread(_ping, address)
            await talk
            return caught.value

    error = asyncio.run(main())
    assert error.kind in (ErrorKind.NO_BUS, ErrorKind.FAILED)
    assert sentence in error.message


def _ping(address: str) -> None:
    with Client(address) as connection:
        Manager(connection).ping()


def _say(listener: socket.socket, said: bytes) -> None:
    """Whatever it is, in answer to what opens a connection."""
    peer, _ = listener.accept()
    with peer:
        peer.recv(1024)
        peer.sendall(said)
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(1024):
            pass


def test_a_bus_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "CONNECT_TIMEOUT_S", 0.01)
    with listening(tmp_path) as (address, _), pytest.raises(KmoddError) as caught:
        _ping(address)
    assert caught.value.kind is ErrorKind.NO_BUS
    assert "it does not answer" in caught.value.message
