"""What the event sources promise whatever libudev does, and what they need of pyudev."""

import ast
import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from errno import EBADF, EINVAL, ENOBUFS
from pathlib import Path
from typing import Any

import pytest
import pyudev

import kmodd
from kmodd.errors import ErrorKind, KmoddError
from kmodd.events import kernel_filter, uevents
from kmodd.events.devices import open_udev
from kmodd.events.kernel_socket import KernelSocket, module_path
from kmodd.events.trigger import Look
from kmodd.events.udev import Udev, UdevMonitor
from kmodd.events.uevents import BATCH, GATHER_S, Source, Uevents
from kmodd.model import DeviceMatch
from kmodd.names import ModuleName

FULL = Look(full=True, all_devices=True)
_NEVER_S = 600.0


class ScriptedMonitor:
    """Gives what it was told to, one entry a call; readable until all of it is read."""

    def __init__(self, *entries: str | int | None) -> None:
        self._entries = list(entries)
        self._reader, self._writer = socket.socketpair()
        self._writer.send(b".")

    def fileno(self) -> int:
        return self._reader.fileno()

    def receive(self) -> str | None:
        entry = self._entries.pop(0) if self._entries else None
        if not self._entries:
            self._reader.setblocking(False)
            self._drop()
        if isinstance(entry, int):
            raise OSError(entry, "scripted")
        return entry

    def _drop(self) -> None:
        try:
            self._reader.recv(1)
        except BlockingIOError:
            return

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


async def read_all(*entries: str | int | None) -> list[list[str] | int | None]:
    told: list[list[str] | int | None] = []

    def lost(error: OSError | None) -> None:
        told.append(error.errno if error else None)
        if error:
            source.close()

    source = Source(ScriptedMonitor(*entries), told.append, lost)
    for _ in range(20):  # turns of the loop, more than any script here needs
        await asyncio.sleep(0)
    if not any(isinstance(entry, int) for entry in told):
        source.close()
    return told


def story(*entries: str | int | None) -> list[list[str] | int | None]:
    """What a source tells of a monitor: batches of paths, None for a loss, an errno when it is dead."""
    return asyncio.run(read_all(*entries))


def test_paths_are_passed_on_in_batches() -> None:
    paths = [f"/sys/devices/{number}" for number in range(BATCH + 1)]
    assert story(*paths) == [paths[:BATCH], paths[BATCH:]]


@pytest.mark.parametrize("error", [ENOBUFS, EINVAL])
def test_a_loss_is_told_once_when_the_socket_is_empty(error: int) -> None:
    assert story("a", error, "b", "c", error, "d") == [None]


def test_a_message_that_libudev_refuses_does_not_end_the_draining() -> None:
    assert story(ENOBUFS, "a", None, "b", "c") == [None]


def test_a_loss_with_nothing_left_to_read_is_told() -> None:
    assert story(EINVAL) == [None]


def test_any_other_error_ends_the_source() -> None:
    assert story("a", EBADF, "b") == [EBADF]


def gathering(*entries: str | int | None) -> tuple[list[list[str] | int | None], bool, bool]:
    """What a source has told when its first moment is over; whether it gathers on then, and listens."""
    told: list[list[str] | int | None] = []

    async def scenario() -> tuple[bool, bool]:
        def lost(error: OSError | None) -> None:
            told.append(error.errno if error else None)
            if error:
                source.close()

        monitor = ScriptedMonitor(*entries)
        source = Source(monitor, told.append, lost)
        source._readable()
        assert told == []
        assert source._gathering is not None
        assert not asyncio.get_running_loop().remove_reader(monitor.fileno())
        source._gathering.cancel()
        source._gathered()
        goes_on = source._gathering is not None
        listens = monitor.fileno() >= 0 and asyncio.get_running_loop().remove_reader(monitor.fileno())
        if monitor.fileno() >= 0:
            source.close()
        return goes_on, listens

    return told, *asyncio.run(scenario())


def test_what_follows_an_event_that_concerns_nobody_is_left_to_gather() -> None:
    assert gathering("", None, "", "a", "", "b") == ([["", "a", "", "b"]], False, True)


def test_it_is_left_to_gather_as_long_as_nobody_is_concerned() -> None:
    assert gathering("", None, "", "") == ([], True, False)


def test_moments_grow_while_nobody_is_concerned_and_begin_anew_with_quiet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> list[float]:
        loop, moments = asyncio.get_running_loop(), list[float]()
        later = loop.call_later

        def noted(delay_s: float, *rest: Any) -> asyncio.TimerHandle:
            moments.append(delay_s)
            return later(_NEVER_S, *rest)

        monkeypatch.setattr(loop, "call_later", noted)
        source = Source(ScriptedMonitor(*["", None] * 5, None, "", None), ignore_paths, ignore_loss)
        source._readable()
        for _ in range(5):
            source._gathered()
        source._readable()
        source.close()
        return moments

    first, second, longest = GATHER_S
    assert asyncio.run(scenario()) == [first, second, longest, longest, longest, first]


def test_when_nothing_follows_the_next_event_is_heard_at_once() -> None:
    assert gathering("", None) == ([], False, True)


def test_a_loss_while_events_gather_is_told() -> None:
    assert gathering("", None, ENOBUFS) == ([None], False, True)


def test_a_source_that_dies_while_events_gather_listens_no_more() -> None:
    assert gathering("", None, EBADF) == ([EBADF], False, False)


def test_a_source_that_is_closed_while_events_gather_hears_nothing_more() -> None:
    async def scenario() -> bool:
        source = Source(ScriptedMonitor("", None, "a"), ignore_paths, ignore_loss)
        source._readable()
        moment = source._gathering
        source.close()
        return moment is not None and moment.cancelled()

    assert asyncio.run(scenario())


def ignore_paths(paths: list[str]) -> None:
    pytest.fail(f"heard {paths}")


def ignore_loss(error: OSError | None) -> None:
    pytest.fail(f"lost {error}")


def ignore(look: Look) -> None:
    """Nobody is interested in what is heard."""


def refuse(error: int) -> Callable[[KernelSocket], str | None]:
    def receive(self: KernelSocket) -> str | None:
        raise OSError(error, "scripted")

    return receive


def test_a_dead_source_is_opened_again_by_the_pass_that_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Look] = []

    async def scenario() -> bool:
        listener = Uevents(looks.append, run_root="/nonexistent")
        listener.listen(())
        dead = listener._modules
        assert dead is not None
        monkeypatch.setattr(KernelSocket, "receive", refuse(EBADF))
        dead._readable()
        listener.listen(())
        opened_again = listener._modules not in (None, dead)
        listener.close()
        return opened_again

    assert asyncio.run(scenario())
    assert looks == [FULL]


def test_a_module_that_kmodd_itself_changes_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Look] = []
    paths = [f"/sys/module/{name}" for name in ("busy", "other", "busy")]

    async def scenario() -> None:
        listener = Uevents(looks.append, run_root="/nonexistent", busy={"busy"}.__contains__)
        listener.listen(())
        source = listener._modules
        assert source is not None
        for heard in (paths, paths[:1]):
            told = iter(heard)
            monkeypatch.setattr(KernelSocket, "receive", lambda _self, told=told: next(told, None))
            source._readable()
        listener.close()

    asyncio.run(scenario())
    assert looks == [Look(modules=frozenset((ModuleName("other"),)))]


def test_a_small_buffer_is_said_when_it_overflows(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def enlarge(self: KernelSocket, size_bytes: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(KernelSocket, "enlarge", enlarge)

    async def scenario() -> None:
        listener = Uevents(ignore, run_root="/nonexistent")
        for _ in range(2):
            listener.listen(())
            listener.close()
        listener._devices_lost(None)

    with caplog.at_level(logging.INFO, "kmodd"):
        asyncio.run(scenario())
    assert [record.getMessage() for record in caplog.records] == [
        "device events were lost, looking at everything: the receive buffer overflowed, "
        "which cannot be enlarged (Operation not permitted)"
    ]


def refuse_netlink(*_: object) -> None:
    raise OSError(97, "Address family not supported by protocol")


@pytest.mark.parametrize(
    ("kind", "method", "matches"),
    [(KernelSocket, "__init__", ()), (KernelSocket, "start", ()), (Udev, "monitor", (DeviceMatch("pci:*"),))],
)
def test_no_netlink_is_one_clear_sentence(
    kind: type[KernelSocket | Udev],
    method: str,
    matches: tuple[DeviceMatch, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        listener = Uevents(ignore)
        monkeypatch.setattr(kind, method, refuse_netlink)
        try:
            listener.listen(matches)
        finally:
            listener.close()

    with pytest.raises(KmoddError, match="AF_NETLINK") as caught:
        asyncio.run(scenario())
    assert caught.value.kind is ErrorKind.FAILED


@pytest.mark.shows("security 9")
@pytest.mark.parametrize(
    ("message", "path"),
    [
        (
            b"add@/module/dummy\0ACTION=add\0DEVPATH=/module/dummy\0SUBSYSTEM=module\0SEQNUM=1\0",
            "/sys/module/dummy",
        ),
        (b"remove@/module/dummy\0SUBSYSTEM=module\0", "/sys/module/dummy"),
        (b"change@/module/dummy\0SUBSYSTEM=module\0", ""),
        (b"add@/module/dummy\0SUBSYSTEM=modules\0", ""),
        (b"add@/module/SUBSYSTEM=module", ""),
        (b"add@/devices/net\0SUBSYSTEM=module\0", ""),
        (b"add@/module/\xff\0SUBSYSTEM=module\0", ""),
        (b"libudev\0\xfe\xed\xca\xfe", ""),
        (b"", ""),
    ],
)
def test_only_what_tells_of_a_module_is_one(message: bytes, path: str) -> None:
    assert module_path(message) == path


@pytest.mark.shows("security 9")
@pytest.mark.parametrize("sender", [(4711, 1), (0, 0), (0, 2), (4711, 0)])
def test_only_the_kernel_is_believed(sender: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    message = b"add@/module/dummy\0SUBSYSTEM=module\0"
    assert received(monkeypatch, message, 0, (0, 1)) == "/sys/module/dummy"
    assert received(monkeypatch, message, 0, sender) == ""


def test_a_message_that_is_cut_is_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match=f"Errno {EINVAL}"):
        received(monkeypatch, b"add@/module/dummy", socket.MSG_TRUNC, (0, 1))


def received(
    monkeypatch: pytest.MonkeyPatch, message: bytes, flags: int, sender: tuple[int, int]
) -> str | None:
    """What a KernelSocket makes of one message."""
    listening = KernelSocket(module_path)
    monkeypatch.setattr(socket.socket, "recvmsg", lambda *_: (message, [], flags, sender))
    try:
        return listening.receive()
    finally:
        listening.close()


def test_no_pyudev_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kmodd.events.udev", None)
    with pytest.raises(KmoddError, match="install python3-pyudev"):
        open_udev()


def test_no_libudev_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyudev._ctypeslib.utils, "find_library", lambda _: "libabsent.so.9")
    with pytest.raises(KmoddError, match="install libudev1"):
        Udev()


@pytest.mark.parametrize(("raised", "errno"), [(ValueError, EINVAL), (OverflowError, 75)])
def test_every_error_of_pyudev_is_an_oserror(raised: type[Exception], errno: int) -> None:
    class Broken:
        def _receive_device(self) -> None:
            raise raised

    with pytest.raises(OSError, match=f"Errno {errno}"):
        UdevMonitor(Broken()).receive()


def test_pyudev_still_has_the_private_name() -> None:
    assert callable(pyudev.Monitor._receive_device)
    assert callable(pyudev._ctypeslib.utils.find_library)


def test_loading_libudev_starts_no_process() -> None:
    program = """
import sys
starters = ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.system", "os.exec")
sys.addaudithook(lambda event, _: sys.exit(event) if event in starters else None)
from kmodd.events.udev import Udev
Udev()
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_one_file_imports_pyudev() -> None:
    root = Path(kmodd.__file__).parent
    importers = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import) and any(name.name.startswith("pyudev") for name in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pyudev"))
    }
    assert importers == {"events/udev.py"}


@pytest.mark.shows("security 9")
@pytest.mark.parametrize(
    ("message", "passes"),
    [
        (b"add@/module/dummy\0ACTION=add\0", True),
        (b"remove@/module/dummy\0ACTION=remove\0", True),
        (b"add@/module", False),
        (b"remove@/modul", False),
        (b"add@/modules/dummy\0", False),
        (b"add@/devices/virtual/net/dummy0\0ACTION=add\0", False),
        (b"change@/module/dummy\0ACTION=change\0", False),
        (b"libudev\0\xfe\xed\xca\xfe", False),
        (b"", False),
    ],
)
def test_the_kernel_runs_the_filter(message: bytes, passes: bool) -> None:
    receiver, sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with receiver, sender:
        kernel_filter.attach(receiver.fileno(), kernel_filter.program(kernel_filter.MODULE_PREFIXES))
        sender.send(message)
        receiver.setblocking(False)
        if passes:
            assert receiver.recv(4096) == message
        else:
            with pytest.raises(BlockingIOError):
                receiver.recv(4096)


def test_a_filter_that_is_refused_costs_wake_ups_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def attach(descriptor: int, code: bytes) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(uevents, "attach", attach)

    async def scenario() -> bool:
        listener = Uevents(ignore, run_root="/nonexistent")
        listener.listen(())
        listens = listener._modules is not None
        listener.close()
        return listens

    assert asyncio.run(scenario())
    assert "cannot be filtered in the kernel" in caplog.text
