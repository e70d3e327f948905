"""The connection itself: getting in, owning the name, and every way in which it ends."""

import asyncio
import os
import resource
import socket
from pathlib import Path

import pytest

from kmodd.bus import names, outgoing, transport
from kmodd.bus.address import socket_names
from kmodd.bus.connection import Connection, RemoteError, connect
from kmodd.bus.decode import Frame
from kmodd.bus.message import Message
from kmodd.errors import ErrorKind, KmoddError
from tests.bus.manager import FakeManager, statuses
from tests.bus.private_bus import NOBODY, PrivateBus, busctl, client, private_bus, serving

_PLAN = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "Plan")


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("unix:path=/run/dbus/system_bus_socket", (b"/run/dbus/system_bus_socket",)),
        ("unix:path=/a%20b,guid=00", (b"/a b",)),
        ("unix:path=/\udcff%ff", (b"/\xff\xff",)),
        ("tcp:host=x;unix:abstract=/tmp/x;unix:path=/y", (b"\0/tmp/x", b"/y")),
    ],
)
def test_addresses(address: str, found: tuple[bytes, ...]) -> None:
    assert socket_names(address) == found


@pytest.mark.parametrize("address", ["", "nonsense", "tcp:host=localhost,port=1", "unix:tmpdir=/tmp"])
def test_an_address_that_is_not_local(address: str) -> None:
    with pytest.raises(KmoddError) as caught:
        socket_names(address)
    assert caught.value.kind is ErrorKind.NO_BUS


def test_no_bus_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(KmoddError) as caught:
        asyncio.run(connect(f"unix:path={tmp_path}/none"))
    assert caught.value.kind is ErrorKind.NO_BUS
    assert (
        caught.value.message
        == f"the bus at unix:path={tmp_path}/none cannot be reached: No such file or directory"
    )
    assert "is dbus running?" in caught.value.hint


def test_no_descriptor_left_is_no_bus(tmp_path: Path) -> None:
    async def scenario() -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            await connect(f"unix:path={tmp_path}/none")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    with pytest.raises(KmoddError, match="Too many open files"):
        asyncio.run(scenario())


@pytest.mark.parametrize("answer", [b"REJECTED EXTERNAL\r\n", b"nonsense\r\n", b"\xff\r\n", b"x" * 9000, b""])
def test_a_server_that_refuses_or_talks_nonsense(tmp_path: Path, answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        server = await asyncio.start_unix_server(serve, tmp_path / "socket")
        async with server:
            with pytest.raises(KmoddError) as caught:
                await connect(f"unix:path={tmp_path}/socket")
        assert caught.value.kind is ErrorKind.NO_BUS

    asyncio.run(main())


@pytest.mark.shows("security 7")
def test_a_second_owner_is_told(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager()), client(bus) as second:
            with pytest.raises(KmoddError) as caught:
                await second.request_name(names.SERVICE)
            assert caught.value.kind is ErrorKind.ALREADY_RUNNING

    asyncio.run(main())


@pytest.mark.shows("security 7")
def test_the_packaged_policy_lets_only_root_be_kmodd() -> None:
    async def main(bus: PrivateBus) -> None:
        async with client(bus) as connection:
            if os.getuid() == 0:
                await connection.request_name(names.SERVICE)
                request = ("RequestName", "su", names.SERVICE, "0")
                printed = await busctl(
                    bus, "call", names.BUS, names.BUS_PATH, names.BUS, *request, user=NOBODY
                )
                assert (printed.status, printed.err) == (1, "Call failed: Access denied\n")
            else:
                with pytest.raises(KmoddError) as caught:
                    await connection.request_name(names.SERVICE)
                assert caught.value.kind is ErrorKind.NOT_PERMITTED

    with private_bus(policy="") as bus:
        asyncio.run(main(bus))


def test_a_refused_name_says_what_is_missing(bus: PrivateBus) -> None:
    async def main() -> None:
        async with client(bus) as connection:
            with pytest.raises(KmoddError) as caught:
                await connection.request_name("org.example.Forbidden")
        assert caught.value.kind is ErrorKind.NOT_PERMITTED

    asyncio.run(main())


def test_an_error_keeps_its_name(bus: PrivateBus) -> None:
    async def main() -> None:
        async with client(bus) as connection:
            with pytest.raises(RemoteError) as caught:
                await connection.call_bus("GetNameOwner", "s", ("org.example.Nobody",))
        assert caught.value.name == "org.freedesktop.DBus.Error.NameHasNoOwner"
        assert caught.value.kind is ErrorKind.FAILED

    asyncio.run(main())


def test_the_end_of_the_bus_ends_tasks_and_handlers(bus: PrivateBus) -> None:
    async def main() -> None:
        manager = FakeManager(statuses(1), gate=asyncio.Event())
        async with serving(bus, manager) as served, client(bus) as caller:
            call = asyncio.create_task(caller.call(_PLAN))
            await caller.call((names.SERVICE, names.MANAGER_PATH, names.PEER, "Ping"))
            bus.kill()
            await served.connection.disconnected.wait()
            with pytest.raises(KmoddError) as caught:
                await call
            assert caught.value.kind is ErrorKind.NO_BUS
            assert served.connection.lost_reason == "the bus closed the connection"
            served.publisher.publish()
        assert manager.calls == []

    asyncio.run(main())


def test_a_reply_from_somebody_else_is_not_taken(bus: PrivateBus) -> None:
    """Serial numbers can be guessed; where the bus would let it through, the sender gives it away."""

    async def main() -> None:
        async with client(bus) as victim, client(bus) as callee, client(bus) as forger:
            calls: asyncio.Queue[Message] = asyncio.Queue()
            callee.on_call = calls.put_nowait
            await callee.request_name("org.kmodd1.test")
            call = asyncio.create_task(victim.call((callee.unique_name, "/", "org.kmodd1.Test", "Ask")))
            question = await calls.get()
            victim._received(forged(forger, question))
            assert not call.done()
            callee.reply(question, "", b"")
            assert await call == ()

    asyncio.run(main())


def forged(forger: Connection, question: Message) -> Frame:
    """An answer to ``question`` as the bus would deliver it from ``forger``."""
    data = outgoing.method_return(1, question)
    sender = b"\7\1s\0" + len(forger.unique_name).to_bytes(4, "little") + forger.unique_name.encode() + b"\0"
    fields = int.from_bytes(data[12:16], "little")
    padded = data[16 : 16 + fields] + bytes(-fields % 8) + sender
    return Frame(data[:12] + len(padded).to_bytes(4, "little") + padded + bytes(-len(padded) % 8))


def test_a_bus_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MAX_BACKLOG_BYTES", 4 * 1024 * 1024)

    async def main() -> None:
        ours, theirs = socket.socketpair()
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        wire = transport.Transport(
            ours, on_frame=lambda _: None, on_drained=lambda: None, on_lost=lost.set_result
        )
        while not lost.done():
            wire.send(bytes(1024 * 1024))
            await asyncio.sleep(0)
        assert "does not take" in await lost
        wire.send(b"after the end")
        theirs.close()

    asyncio.run(main())


def test_congestion_and_relief_are_told() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        drained = asyncio.Event()
        wire = transport.Transport(
            ours, on_frame=lambda _: None, on_drained=drained.set, on_lost=lambda _: None
        )
        wire.send(bytes(8 * 1024 * 1024))
        before = wire.congested
        received = 0
        while received < 8 * 1024 * 1024:
            received += len(await asyncio.get_running_loop().sock_recv(theirs, 1 << 20))
        assert drained.is_set()
        assert (before, wire.congested) == (True, False)
        wire.close()
        wire.close()
        theirs.close()

    asyncio.run(main())
