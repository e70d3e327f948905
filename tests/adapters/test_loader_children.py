"""Which child of the loader makes a change: one that is free and has done well, else a new one."""

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kmodd.intent import Intent, render
from kmodd.kernel import client as client_module
from kmodd.kernel import intents as intents_module
from kmodd.kernel import operations
from kmodd.kernel.client import LoaderClient
from kmodd.kernel.kmsg import KernelLog
from kmodd.kernel.libkmod import Module
from kmodd.kernel.tools import Tools
from kmodd.kernel.verbs import SPARE, WRITE
from kmodd.kernel.wire import PACKET_LIMIT, Places, decode_request, encode_request
from kmodd.model import Report
from tests.adapters.loader_fixture import ABSENT, MODULE, Sandbox, children_of, ended, running

Scenario = Callable[[LoaderClient], Awaitable[None]]


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    sandbox = Sandbox(tmp_path)
    (sandbox.parameters / "easy").touch()
    return sandbox


def carry_out(sandbox: Sandbox, scenario: Scenario) -> None:
    async def whole() -> None:
        async with running(sandbox.roots) as client:
            for pid in children_of(client.pid):
                await ended(pid)  # what it began with has failed
            await scenario(client)

    asyncio.run(whole())


async def wrote(client: LoaderClient, sandbox: Sandbox) -> int:
    """A change that goes well; the process that made it, which is free since."""
    report = await client.perform(sandbox.write("easy"))
    assert (report.error, report.lost) == (0, False)
    (pid,) = children_of(client.pid)
    return pid


def test_who_did_well_makes_the_next_change(sandbox: Sandbox) -> None:
    async def scenario(client: LoaderClient) -> None:
        assert await wrote(client, sandbox) == await wrote(client, sandbox)

    carry_out(sandbox, scenario)


def test_who_was_refused_by_the_kernel_makes_none_any_more(sandbox: Sandbox) -> None:
    async def scenario(client: LoaderClient) -> None:
        first = await wrote(client, sandbox)
        assert (await client.perform(sandbox.write("absent"))).error
        await ended(first)
        assert await wrote(client, sandbox) != first

    carry_out(sandbox, scenario)


def test_who_hangs_is_given_nothing(sandbox: Sandbox) -> None:
    sandbox.hang("slow")

    async def scenario(client: LoaderClient) -> None:
        first = await wrote(client, sandbox)
        hung = asyncio.create_task(client.perform(sandbox.write("slow")))
        await asyncio.sleep(0)  # it asks first
        assert not (await client.perform(sandbox.write("easy"))).lost
        assert not hung.done()
        assert first in children_of(client.pid)
        reader = sandbox.release("slow")
        assert not (await hung).lost
        os.close(reader)

    carry_out(sandbox, scenario)


def test_nobody_waits_for_those_that_hang_however_many(sandbox: Sandbox) -> None:
    names = [f"slow{number}" for number in range(len(os.sched_getaffinity(0)) + 1)]
    for name in names:
        sandbox.hang(name)

    async def scenario(client: LoaderClient) -> None:
        hung = [asyncio.create_task(client.perform(sandbox.write(name))) for name in names]
        await asyncio.sleep(0)  # they ask first
        assert not (await client.perform(sandbox.write("easy"))).error
        assert not any(task.done() for task in hung)
        readers = [sandbox.release(name) for name in names]
        assert not any(report.lost for report in await asyncio.gather(*hung))
        for reader in readers:
            os.close(reader)

    carry_out(sandbox, scenario)


_ONE_PROCESSOR = """
import os, socket, sys
sys.path.append(sys.argv[1])
from kmodd.kernel.kmsg import KernelLogs
from kmodd.kernel.loader import Server
from kmodd.kernel.tools import Tools
from kmodd.kernel.verbs import WRITE
from kmodd.kernel.wire import PACKET_LIMIT, Places, decode_request, encode_request
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
daemon = socket.socket(fileno=int(sys.argv[2]))
places = Places(sys=sys.argv[3], kmsg=sys.argv[4])
patience_s, moment_s, busy = map(float, sys.argv[5:])
job = Server(daemon, KernelLogs(places.kmsg), 9, patience_s=patience_s, moment_s=moment_s).serve()
if job is not None:
    while job.request.number < busy:
        pass
    job.work(daemon, Tools(places))
os._exit(0)
"""
_FOR_EVER_S = 600.0


@contextmanager
def one_processor(
    sandbox: Sandbox, *, patience_s: float = _FOR_EVER_S, moment_s: float = _FOR_EVER_S, busy: int = 0
) -> Iterator[tuple[socket.socket, int]]:
    """A server that has one processor, as the daemon's end of its socket and its pid.

    Children whose first request has a number below ``busy`` run without end.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(60)
    places = (sandbox.roots.sys, sandbox.roots.kmsg)
    numbers = map(str, (patience_s, moment_s, busy))
    root = str(Path(__file__).parents[2])
    command = (
        sys.executable,
        "-I",
        "-S",
        "-c",
        _ONE_PROCESSOR,
        root,
        str(theirs.fileno()),
        *places,
        *numbers,
    )
    with theirs, subprocess.Popen(command, pass_fds=(theirs.fileno(),)) as server:
        theirs.close()
        with ours:
            yield ours, server.pid


def written(number: int, parameter: str = "easy") -> bytes:
    """The request to write a parameter."""
    return encode_request(number, WRITE, {"module": MODULE, "parameters": [(parameter, str(number))]})


def answered(server: socket.socket) -> int:
    """The number of the next answer."""
    return int(server.recv(PACKET_LIMIT).split()[0])


def test_on_one_processor_changes_wait_for_the_two_children_that_are_there(sandbox: Sandbox) -> None:
    with one_processor(sandbox) as (server, pid):
        server.send(
            encode_request(99, SPARE, {"directory": ""})
        )  # that child stays when it has nothing to do
        for number in range(6):
            server.send(written(number))
        answers = sorted(answered(server) for _ in range(6))
        children = children_of(pid)
    assert answers == list(range(6))
    assert 1 <= len(children) <= 2
    assert (sandbox.parameters / "easy").read_text() in set("012345")


def test_nobody_waits_for_who_sleeps(sandbox: Sandbox) -> None:
    names = ("slow0", "slow1", "slow2")
    for name in names:
        sandbox.hang(name)
    with one_processor(sandbox, moment_s=0.01) as (server, _):
        for number, name in enumerate(names):
            server.send(written(number, name))
        server.send(written(3))
        assert answered(server) == 3
        readers = [sandbox.release(name) for name in names]
        assert sorted(answered(server) for _ in names) == [0, 1, 2]
        for reader in readers:
            os.close(reader)


def test_nobody_waits_for_ever_for_who_runs(sandbox: Sandbox) -> None:
    with one_processor(sandbox, patience_s=0.1, busy=2) as (server, pid):
        try:
            for number in range(3):
                server.send(written(number))
            assert answered(server) == 2
        finally:
            for child in children_of(pid):
                os.kill(child, signal.SIGKILL)


def test_who_asks_something_has_a_child_of_its_own(sandbox: Sandbox) -> None:
    async def scenario(client: LoaderClient) -> None:
        first = await wrote(client, sandbox)
        assert await client.parameters([MODULE]) == {MODULE: {"easy": "1"}}
        for other in set(children_of(client.pid)) - {first}:
            await ended(other)
        assert await wrote(client, sandbox) == first

    carry_out(sandbox, scenario)


def test_who_is_killed_in_a_later_change_loses_that_one(sandbox: Sandbox) -> None:
    sandbox.hang("slow")

    def log(text: bytes) -> None:
        with sandbox.kmsg.open("ab") as kmsg:
            kmsg.write(b"0,1,2,-;hung: " + text + b"\n")

    async def lost(client: LoaderClient) -> Report:
        first = await wrote(client, sandbox)
        log(b"before")
        hung = asyncio.create_task(client.perform(sandbox.write("slow")))
        await asyncio.sleep(0)
        await client.parameters([ABSENT])  # the server has handed on what came before
        log(b"during")
        os.kill(first, signal.SIGKILL)
        return await hung

    async def scenario(client: LoaderClient) -> None:
        report = await lost(client)
        assert (report.lost, report.died, report.messages) == (True, True, ("hung: during",))

    carry_out(sandbox, scenario)


def test_who_is_killed_while_free_is_missed_by_nobody(sandbox: Sandbox) -> None:
    async def scenario(client: LoaderClient) -> None:
        first = await wrote(client, sandbox)
        os.kill(client.pid, signal.SIGSTOP)  # so that the server hears of both at once
        os.kill(first, signal.SIGKILL)
        await ended(first)
        asking = asyncio.create_task(client.perform(sandbox.write("easy")))
        await asyncio.sleep(0)
        os.kill(client.pid, signal.SIGCONT)
        assert (await asking).error == 0

    carry_out(sandbox, scenario)


def test_who_is_killed_before_it_has_read_what_it_was_given_costs_nothing_else(sandbox: Sandbox) -> None:
    sandbox.hang("slow")

    async def scenario(client: LoaderClient) -> None:
        first = await wrote(client, sandbox)
        os.kill(first, signal.SIGSTOP)
        asking = asyncio.create_task(client.perform(sandbox.write("easy")))
        hung = asyncio.create_task(client.perform(sandbox.write("slow")))
        await asyncio.sleep(0)
        await client.parameters([ABSENT])  # the server has handed on what came before
        server = client.pid
        os.kill(first, signal.SIGKILL)
        assert (await asking).died
        assert not (await client.perform(sandbox.write("easy"))).lost
        assert client.pid == server
        reader = sandbox.release("slow")
        assert not (await hung).lost
        os.close(reader)

    carry_out(sandbox, scenario)


def test_nobody_stays_when_nothing_comes(sandbox: Sandbox) -> None:
    async def scenario(client: LoaderClient) -> None:
        first = await wrote(client, sandbox)
        await ended(first)
        assert await wrote(client, sandbox) != first

    carry_out(sandbox, scenario)


def test_nobody_makes_changes_for_ever(sandbox: Sandbox) -> None:
    async def scenario(client: LoaderClient) -> None:
        (first,) = {await wrote(client, sandbox) for _ in range(63)}
        assert not (await client.perform(sandbox.write("easy"))).error
        await ended(first)
        assert await wrote(client, sandbox) != first

    carry_out(sandbox, scenario)


def test_all_end_with_the_loader(sandbox: Sandbox) -> None:
    async def scenario(client: LoaderClient) -> None:
        first = await wrote(client, sandbox)
        await client.close()
        await ended(first)

    carry_out(sandbox, scenario)


def test_a_spare_child_is_there_before_it_is_needed(sandbox: Sandbox) -> None:
    async def scenario(client: LoaderClient) -> None:
        client.expect(soon=True)
        await client.parameters([ABSENT])  # the server has forked for what it was told before
        spare = min(children_of(client.pid))
        report = await client.perform(sandbox.write("easy"))
        assert (report.error, report.lost) == (0, False)
        assert spare in children_of(client.pid)

    carry_out(sandbox, scenario)


def test_a_spare_child_has_rehearsed_all_but_what_can_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inserted, intents = list[str](), list[Intent]()

    def insert(_: Module, options: str) -> int:
        inserted.append(options)
        return 0

    def rendered(intent: Intent) -> bytes:
        intents.append(intent)
        return render(intent)

    monkeypatch.setattr(Module, "insert", insert)
    monkeypatch.setattr(intents_module, "render", rendered)
    for directory in ("", str(tmp_path / "rehearsals")):
        request = decode_request(encode_request(0, SPARE, {"directory": directory}))
        operations.rehearse(request, Tools(Places()), KernelLog(None))
        (intent,) = intents
        assert (intent.module, intent.kind, intent.pid) == ("kmodd_loader", "load", os.getpid())
        intents.clear()
    assert inserted == []
    assert [path.name for path in tmp_path.rglob("*")] == ["rehearsals"]


def test_a_child_that_cannot_rehearse_writing_is_ready_all_the_same(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    async def spare() -> None:
        client = LoaderClient(sandbox.roots, rehearsals=str(tmp_path / "file" / "rehearsals"))
        try:
            client.expect(soon=True)
            await client.parameters([ABSENT])  # the server has forked for what it was told before
            (child,) = children_of(client.pid)
            report = await client.perform(sandbox.write("easy"))
            assert (report.error, report.lost) == (0, False)
            assert children_of(client.pid) == [child]
        finally:
            await client.close()

    asyncio.run(spare())


def test_one_child_stays_when_nothing_comes_but_may(sandbox: Sandbox) -> None:
    sandbox.hang("slow")

    async def scenario(client: LoaderClient) -> None:
        await wrote(client, sandbox)
        client.expect(soon=True)  # it is that one
        hung = asyncio.create_task(client.perform(sandbox.write("slow")))
        await asyncio.sleep(0)
        await client.perform(sandbox.write("easy"))
        both = children_of(client.pid)
        assert len(both) == 2
        reader = sandbox.release("slow")
        await hung
        os.close(reader)
        ends = {asyncio.create_task(ended(pid)): pid for pid in both}
        done, waiting = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        for task in waiting:
            assert await wrote(client, sandbox) == ends[task]
            task.cancel()

    carry_out(sandbox, scenario)


def test_a_loader_that_cannot_be_kept_ready_is_missed_by_nobody_yet(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_descriptor(*_: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def scenario() -> None:
        client = LoaderClient(sandbox.roots)
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socketpair", no_descriptor)
            client.expect(soon=True)
            without = client.pid
        client.expect(soon=True)
        assert without == 0 < client.pid
        await client.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("soon", [False, True])
def test_a_loader_without_work_ends_unless_some_is_expected(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, soon: bool
) -> None:
    async def scenario(client: LoaderClient) -> None:
        client.expect(soon=soon)
        await client.perform(sandbox.write("easy"))
        first = client.pid
        monkeypatch.setattr(client_module, "_IDLE_S", 0)
        await client.parameters([ABSENT])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert client.pid == (first if soon else 0)
        client.expect(soon=False)
        await ended(first)
        await wrote(client, sandbox)

    carry_out(sandbox, scenario)


@pytest.mark.parametrize("processors", [1, 2])
def test_a_loader_is_prepared_where_there_is_a_processor_for_it(
    processors: int, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))

    async def whole() -> None:
        client = LoaderClient(sandbox.roots)
        client.prepare()
        prepared = client.pid
        assert bool(prepared) == (processors > 1)
        assert not (await client.perform(sandbox.write("easy"))).error
        assert processors == 1 or client.pid == prepared
        await client.close()

    asyncio.run(whole())


def test_a_loader_that_was_prepared_in_vain_ends(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(client_module, "_IDLE_S", 0.0)

    async def whole() -> None:
        client = LoaderClient(sandbox.roots)
        client.prepare()
        await ended(client.pid)
        await client.close()

    asyncio.run(whole())


def test_a_loader_at_work_does_not_end(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.hang("slow")
    monkeypatch.setattr(client_module, "_IDLE_S", 0)

    async def scenario(client: LoaderClient) -> None:
        hung = asyncio.create_task(client.perform(sandbox.write("slow")))
        await asyncio.sleep(0)
        first = client.pid
        await client.parameters([ABSENT])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert client.pid == first
        reader = sandbox.release("slow")
        assert not (await hung).lost
        os.close(reader)
        await ended(first)

    carry_out(sandbox, scenario)
