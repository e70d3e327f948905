"""What dbus-next 0.2.3 gets wrong as a service, a test each: none of it may come back."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

import kmodd
from kmodd.bus import auth, names, outgoing
from kmodd.bus.connection import Connection, RemoteError
from kmodd.bus.decode import Frame, decode_message
from kmodd.bus.encode import encode
from kmodd.bus.interfaces import MODULE
from kmodd.bus.message import NO_REPLY_EXPECTED
from kmodd.bus.transport import FRAMES_A_TURN, Transport
from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import ModuleName
from tests.bus.manager import FakeManager, status, statuses
from tests.bus.private_bus import PrivateBus, client, serving

_MANAGER = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE)
_PING = (names.SERVICE, names.MANAGER_PATH, names.PEER, "Ping")
_OBJECTS = (names.SERVICE, names.MANAGER_PATH, names.OBJECT_MANAGER, "GetManagedObjects")


def test_1_a_full_socket_does_not_end_the_connection(bus: PrivateBus) -> None:
    async def main() -> None:
        manager = FakeManager()
        async with serving(bus, manager) as served, client(bus) as caller:
            bus.process.send_signal(signal.SIGSTOP)
            manager.held.update(statuses(400))
            served.publisher.publish()
            assert served.connection._transport._out, "the socket was to be full"
            bus.process.send_signal(signal.SIGCONT)
            assert len((await caller.call(_OBJECTS))[0]) == 400
            assert not served.connection.disconnected.is_set()

    asyncio.run(main())


@asynccontextmanager
async def wire(frames: asyncio.Queue[Frame]) -> AsyncIterator[socket.socket]:
    """The other end of a transport, and what that reads."""
    ours, theirs = socket.socketpair()
    transport = Transport(ours, on_frame=frames.put_nowait, on_drained=lambda: None, on_lost=lambda _: None)
    with theirs:
        yield theirs
        transport.close()


def test_2_reading_yields_to_the_loop() -> None:
    async def main() -> None:
        frames: asyncio.Queue[Frame] = asyncio.Queue()
        async with wire(frames) as other:
            other.sendall(outgoing.method_call(1, _PING) * 500)
            seen = [0]
            while seen[-1] < 500:
                await asyncio.sleep(0)
                seen.append(frames.qsize())
        assert max(after - before for before, after in pairwise(seen)) == FRAMES_A_TURN

    asyncio.run(main())


def test_3_a_huge_array_is_dropped_before_it_is_decoded(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager()), client(bus) as caller:
            with pytest.raises(RemoteError) as caught:
                await caller.call((*_MANAGER, "GetModule"), "ai", ([7] * 6_000_000,))
            assert caught.value.name == names.LIMITS_EXCEEDED
            assert await caller.call(_PING) == ()

    asyncio.run(main())


def test_4_a_descriptor_that_comes_along_is_not_kept() -> None:
    async def main() -> None:
        frames: asyncio.Queue[Frame] = asyncio.Queue()
        async with wire(frames) as other:
            reading, writing = os.pipe()
            socket.send_fds(other, [outgoing.method_call(1, _PING)], [writing])
            os.close(writing)
            await frames.get()
            # End of file: no copy of the writing end is left anywhere.
            assert os.read(reading, 1) == b""
            os.close(reading)

    asyncio.run(main())


def test_5_a_call_after_the_end_of_the_bus_fails(bus: PrivateBus) -> None:
    async def main() -> None:
        async with client(bus) as callee, client(bus) as caller:
            callee.on_call = lambda _: None
            await callee.request_name("org.kmodd1.test")
            pending = asyncio.create_task(caller.call(("org.kmodd1.test", "/", "org.kmodd1.Test", "Ask")))
            await caller.call_bus("GetId")
            bus.kill()
            await caller.disconnected.wait()
            for call in (pending, caller.call(_PING)):
                with pytest.raises(KmoddError) as caught:
                    await call
                assert caught.value.kind is ErrorKind.NO_BUS

    asyncio.run(main())


def test_5_a_call_that_nobody_answers_ends(bus: PrivateBus) -> None:
    async def main() -> None:
        async with client(bus) as callee, client(bus) as caller:
            callee.on_call = lambda _: None
            await callee.request_name("org.kmodd1.test")
            with pytest.raises(KmoddError) as caught:
                await caller.call(("org.kmodd1.test", "/", "org.kmodd1.Test", "Ask"), timeout_s=0.01)
            assert caught.value.message == "org.kmodd1.test does not answer Ask"

    asyncio.run(main())


@pytest.mark.parametrize("member", ["Plan", "Reload"])
def test_6_no_traceback_reaches_a_caller(
    bus: PrivateBus, member: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(auth.ACTIONS, f"{names.MANAGER_INTERFACE}.Reload", auth.READ)

    async def main() -> str:
        async with serving(bus, FakeManager(failure=RuntimeError("secret"))), client(bus) as caller:
            with pytest.raises(RemoteError) as caught:
                await caller.call((*_MANAGER, member))
            assert caught.value.name == "org.kmodd1.Error.Failed"
            return caught.value.message

    message = asyncio.run(main())
    assert message == f"org.kmodd1.Manager.{member} failed inside kmodd; the journal says why"
    assert "secret" in caplog.text


def test_6_an_ordinary_refusal_is_not_logged(bus: PrivateBus, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager()), client(bus) as caller:
            with pytest.raises(RemoteError):
                await caller.call((*_MANAGER, "GetModule"), "s", ("nosuch",))

    asyncio.run(main())
    assert caplog.text == ""


def test_7_a_name_that_begins_another_has_no_phantom_children(bus: PrivateBus) -> None:
    async def main() -> None:
        held = {ModuleName(name): status(name) for name in ("snd", "snd_pcm", "snd_pcm_oss")}
        async with serving(bus, FakeManager(held)), client(bus) as caller:
            assert await children(caller, f"{names.MODULE_ROOT}/snd") == 0
            assert await children(caller, names.MODULE_ROOT) == 3
            assert await children(caller, "/") == 1

    async def children(caller: Connection, path: str) -> int:
        target = (names.SERVICE, path, names.INTROSPECTABLE, "Introspect")
        return str((await caller.call(target))[0]).count("<node name=")

    asyncio.run(main())


def test_8_objects_are_announced_from_the_path_of_the_object_manager(bus: PrivateBus) -> None:
    async def main() -> None:
        manager = FakeManager()
        sent: list[tuple[str, str]] = []
        async with serving(bus, manager) as served:
            emit = served.connection.emit

            def note(path: str, interface: str, member: str, signature: str, body: bytes) -> None:
                sent.append((path, member))
                emit(path, interface, member, signature, body)

            served.connection.emit = note  # type: ignore[method-assign]
            manager.held.update(statuses(1))
            served.publisher.publish()
            manager.held.clear()
            served.publisher.publish()
        assert sent == [("/org/kmodd1", "InterfacesAdded"), ("/org/kmodd1", "InterfacesRemoved")]

    asyncio.run(main())


@pytest.mark.parametrize("bad", [{"refcount": "many"}, {"refcount": 1 << 40}, {"path": None}, {"sources": 5}])
def test_9_one_bad_property_is_left_out_alone(bus: PrivateBus, bad: dict[str, object]) -> None:
    async def main() -> None:
        held = statuses(3)
        spoilt = ModuleName("module_001")
        held[spoilt] = held[spoilt]._replace(**bad)  # type: ignore[arg-type]
        async with serving(bus, FakeManager(held)), client(bus) as caller:
            objects = (await caller.call(_OBJECTS))[0]
            found = {
                path.rpartition("/")[2]: len(each[names.MODULE_INTERFACE]) for path, each in objects.items()
            }
            count = len(MODULE.properties)
            assert found == {"module_000": count, "module_001": count - 1, "module_002": count}

    asyncio.run(main())


def run_python(code: str, *, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a new interpreter in which warnings are errors."""
    environment = {**os.environ, "PYTHONPATH": f"{path or ''}:{Path(kmodd.__file__).parents[1]}"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_10_nothing_needs_the_decorator_that_python_3_15_removes() -> None:
    code = "import typing; del typing.no_type_check_decorator; import kmodd.bus.connection, kmodd.bus.library"
    assert run_python(code).stderr == ""


def test_11_neither_gi_nor_the_rest_of_the_library_is_imported(tmp_path: Path) -> None:
    (tmp_path / "gi.py").write_text("raise SystemExit('gi was imported')")
    code = (
        "import sys, kmodd.bus.publish, kmodd.bus.library;"
        "print(*sorted(name for name in sys.modules if name.startswith(('dbus_next', 'gi.', 'xml'))))"
    )
    run = run_python(code, path=tmp_path)
    assert run.stderr == ""
    unwanted = {"dbus_next", "dbus_next.glib", "dbus_next.aio", "dbus_next.service", "dbus_next.message_bus"}
    assert unwanted.isdisjoint(run.stdout.split())
    assert "dbus_next.signature" in run.stdout


def test_one_file_knows_the_library() -> None:
    source = Path(kmodd.__file__).parent
    knowing = [path.name for path in source.rglob("*.py") if "import dbus_next" in path.read_text()]
    assert knowing == []
    naming = [path.name for path in source.rglob("*.py") if '"dbus_next"' in path.read_text()]
    assert naming == ["library.py"]


def test_12_an_unknown_header_field_is_passed_over(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager()) as served, client(bus) as caller:
            odd = with_unknown_field(outgoing.method_call(999, _PING, flags=NO_REPLY_EXPECTED))
            caller._transport.send(odd)
            assert await caller.call(_PING) == ()
            assert not served.connection.disconnected.is_set()
        # Whatever the bus made of it:
        assert decode_message(odd)[2:6] == (999, *_PING[1:])

    asyncio.run(main())


def with_unknown_field(message: bytes) -> bytes:
    """``message`` (without a body) with a header field 200 of type a{sv}."""
    size = int.from_bytes(message[12:16], "little")
    field = b"\xc8\5a{sv}\0" + encode("a{sv}", ({},))
    fields = message[16 : 16 + size] + bytes(-size % 8) + field
    return message[:12] + len(fields).to_bytes(4, "little") + fields + bytes(-len(fields) % 8)
