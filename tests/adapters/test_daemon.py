"""The daemon as it is composed, on directories of a test: what it tells the service manager, and when."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from kmodd.config.paths import ConfigPaths
from kmodd.daemon import chronicle
from kmodd.daemon.app import serve
from kmodd.daemon.bus_link import BusLink
from kmodd.daemon.notify import Notifier
from kmodd.daemon.places import Places
from kmodd.errors import ErrorKind, KmoddError
from kmodd.initramfs.main import main
from kmodd.kernel.roots import Roots
from tests.support.initramfs import RELEASE, archive_of, generated, module_file

CONF = "etc/modprobe.d/00-kmodd.conf"
HANGS_S = 30.0
"""Who has not said it by then never will."""

Scenario = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The service manager's socket, where the environment says."""
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as receiver:
        receiver.bind(address)
        yield receiver


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A kernel without modules, no files, no bus."""
    (tmp_path / "proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/osrelease").write_text("6.12.0-test\n")
    (tmp_path / "proc/cmdline").write_text("quiet\n")
    (tmp_path / "proc/modules").write_text("")
    (tmp_path / "etc").mkdir()
    (tmp_path / "kmodd.toml").write_text(f'modprobe_file = "{tmp_path}/modprobe.d/00-kmodd.conf"\n')
    config = ConfigPaths((tmp_path / "etc",), tmp_path / "kmodd.toml", tmp_path / "run", tmp_path / "state")
    roots = Roots(str(tmp_path / "proc"), str(tmp_path / "sys"))
    pstore = (str(tmp_path / "pstore"),)
    bus = f"unix:path={tmp_path}/bus"
    return Places(config, roots, tmp_path / "modules", (), tmp_path / "run-modprobe.d", pstore, bus)


def play(places: Places, scenario: Scenario) -> None:
    """Run ``scenario`` beside the daemon, which is stopped at its end as a service is."""

    async def whole() -> None:
        async with asyncio.TaskGroup() as group:
            daemon = group.create_task(serve(places, once=False))
            async with asyncio.timeout(HANGS_S):
                await scenario()
            os.kill(os.getpid(), signal.SIGTERM)
            assert await daemon == 0

    asyncio.run(whole())


async def told(manager: socket.socket) -> str:
    """The next message; its first assignment is enough to know it by."""
    message = await asyncio.get_running_loop().sock_recv(manager, 4096)
    return message.decode().partition("\n")[0]


async def told_until(manager: socket.socket, expected: str) -> list[str]:
    """Messages up to the one that is waited for."""
    messages = [await told(manager)]
    while messages[-1] != expected:
        messages.append(await told(manager))
    return messages


def test_a_reload_ends_also_while_trouble_goes_on(places: Places, manager: socket.socket) -> None:
    async def scenario() -> None:
        await told_until(manager, "READY=1")
        os.unlink(f"{places.roots.proc}/modules")
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGHUP)
            assert "RELOADING=1" in await told_until(manager, "READY=1")

    play(places, scenario)


def test_a_reload_ends_when_the_files_are_in_force(places: Places, manager: socket.socket) -> None:
    async def scenario() -> None:
        await told_until(manager, "READY=1")
        drop_in = places.config.directories[0] / "10-bad.toml"
        drop_in.write_text("[module.loop\n")
        os.kill(os.getpid(), signal.SIGHUP)
        messages = await told_until(manager, "READY=1")
        assert any(message.startswith("STATUS=degraded: ") for message in messages)

    play(places, scenario)


def test_a_state_directory_that_cannot_be_made_keeps_nothing_from_being_loaded(
    places: Places, manager: socket.socket, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    without = places._replace(config=places.config._replace(state_dir=tmp_path / "file/state"))

    async def scenario() -> None:
        await told_until(manager, "READY=1")

    play(without, scenario)


def test_a_machine_without_proc_is_told_what_to_do(places: Places) -> None:
    shutil.rmtree(places.roots.proc)
    with pytest.raises(KmoddError) as caught:
        asyncio.run(serve(places, once=True))
    assert caught.value.kind is ErrorKind.NO_MODULE_SUPPORT
    assert caught.value.hint == f"mount proc on {places.roots.proc}"


@pytest.mark.shows("fault: too much")
def test_thousands_of_bad_files_are_not_thousands_of_lines(
    places: Places, manager: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1000):
        (places.config.directories[0] / f"{number}.toml").write_text("[module.loop\n")

    async def scenario() -> None:
        await told_until(manager, "READY=1")

    with caplog.at_level(logging.WARNING, chronicle.__name__):
        play(places, scenario)
    lines = [record.getMessage() for record in caplog.records if record.name == chronicle.__name__]
    assert len(lines) == chronicle.MOST_TOLD + 1
    assert lines[0].startswith(f"{places.config.directories[0]}/0.toml:1:13: the ']' after a table")
    assert lines[-1] == "1900 more is wrong with the files; kmoddctl check shows it"


def test_a_record_of_the_initramfs_that_comes_is_looked_at(places: Places, manager: socket.socket) -> None:
    image = places.modules.parent / "initrd.img"
    image.write_bytes(archive_of({module_file("loop.ko"): "", CONF: generated("options loop max_loop=8")}))

    async def scenario() -> None:
        await told_until(manager, "READY=1")
        with said_by("kmodd") as said:
            assert main([RELEASE, str(image)], places.initramfs) == 0
            while "(make it anew: update-initramfs -u -k all)" not in await said.get():
                pass

    play(places, scenario)


@contextlib.contextmanager
def said_by(logger: str) -> Iterator[asyncio.Queue[str]]:
    """Messages of a logger, as they come."""
    messages = asyncio.Queue[str]()
    handler = logging.Handler()
    handler.emit = lambda record: messages.put_nowait(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger(logger).addHandler(handler)
    try:
        yield messages
    finally:
        logging.getLogger(logger).removeHandler(handler)


def test_the_daemon_is_ready_before_the_bus_hears_of_the_modules(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    ready = asyncio.Event()
    show = BusLink.show

    def says_ready(_self: Notifier, _status: str) -> None:
        done.append("ready")
        ready.set()

    def shows(self: BusLink) -> None:
        done.append("bus")
        show(self)

    monkeypatch.setattr(Notifier, "ready", says_ready)
    monkeypatch.setattr(BusLink, "show", shows)
    monkeypatch.setattr(BusLink, "run", tried_at_once)

    async def scenario() -> None:
        await ready.wait()

    play(places, scenario)
    assert done[:2] == ["ready", "bus"]


async def tried_at_once(link: BusLink) -> None:
    link.tried.set()
