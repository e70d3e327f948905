"""The loader as a process: what it survives, what it leaves, what it holds."""

import asyncio
import fcntl
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.client import LoaderClient
from kmodd.model import Report
from tests.adapters.loader_fixture import (
    ABSENT,
    MODULE,
    Sandbox,
    children_of,
    ended,
    files_of,
    kill_children,
    name_of,
    running,
    settled,
)


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


# ------------------------------------------------------------------------------- sudden ends


def test_a_killed_child_is_lost_and_what_the_kernel_said_is_not(sandbox: Sandbox) -> None:
    sandbox.hang("slow")

    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            hung = asyncio.create_task(client.perform(sandbox.write("slow")))
            await settled(client)
            with sandbox.kmsg.open("ab") as kmsg:
                kmsg.write(b"0,1,2,-;hung: BUG: unable to handle page fault\n")
            kill_children(client)
            report = await hung
            assert not (await settled(client)).lost
            return report

    report = asyncio.run(scenario())
    assert report.lost
    assert report.messages == ("hung: BUG: unable to handle page fault",)


def test_the_kernel_log_is_read_from_a_file_that_was_passed_on(sandbox: Sandbox) -> None:
    sandbox.hang("slow")

    async def scenario(passed: list[int]) -> tuple[str, ...]:
        client = LoaderClient(sandbox.roots._replace(kmsg="/nothing"), passed)
        try:
            hung = asyncio.create_task(client.perform(sandbox.write("slow")))
            await settled(client)
            with sandbox.kmsg.open("ab") as kmsg:
                kmsg.write(b"6,1,2,-;hung: said\n")
            kill_children(client)
            return (await hung).messages
        finally:
            await client.close()

    with sandbox.kmsg.open("rb") as one, sandbox.kmsg.open("rb") as other:
        passed = [fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, 64) for file in (one, other)]
    assert asyncio.run(scenario(passed)) == ("hung: said",)
    for fd in passed:
        os.close(fd)


def test_a_killed_loader_loses_what_is_under_way_and_the_next_request_starts_another(
    sandbox: Sandbox,
) -> None:
    sandbox.hang("slow")

    async def scenario() -> tuple[Report, Report]:
        async with running(sandbox.roots) as client:
            hung = asyncio.create_task(client.perform(sandbox.write("slow")))
            await settled(client)
            first, orphans = client.pid, children_of(client.pid)
            os.kill(first, signal.SIGKILL)
            lost = await hung
            after = await settled(client)
            assert client.pid not in (0, first)
            await sandbox.let_go("slow", orphans)
            return lost, after

    lost, after = asyncio.run(scenario())
    assert lost.lost
    assert not after.lost


def test_a_lookup_that_loses_its_loader_says_so(sandbox: Sandbox) -> None:
    async def scenario() -> None:
        async with running(sandbox.roots) as client:
            os.kill(client.pid, signal.SIGSTOP)
            asking = asyncio.create_task(client.lookup([ABSENT]))
            await asyncio.sleep(0)
            os.kill(client.pid, signal.SIGKILL)
            await asking

    with pytest.raises(KmoddError) as caught:
        asyncio.run(scenario())
    assert caught.value.kind is ErrorKind.LOADER_LOST


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_for_the_whole_group_does_not_interrupt_it(sandbox: Sandbox, number: signal.Signals) -> None:
    sandbox.hang("slow")

    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            pid = client.pid
            hung = asyncio.create_task(client.perform(sandbox.write("slow")))
            await settled(client)
            for process in [pid, *children_of(pid)]:
                with suppress(ProcessLookupError):  # a child that has just ended
                    os.kill(process, number)
            await settled(client)
            assert client.pid == pid
            reader = sandbox.release("slow")
            report = await hung
            os.close(reader)
            return report

    assert not asyncio.run(scenario()).lost


@pytest.mark.parametrize("stopped", [False, True])
def test_closing_waits_neither_for_a_hung_child_nor_for_a_stopped_loader(
    sandbox: Sandbox, stopped: bool
) -> None:
    sandbox.hang("slow")

    async def scenario() -> None:
        client = LoaderClient(sandbox.roots)
        hung = asyncio.create_task(client.perform(sandbox.write("slow")))
        await settled(client)
        orphans = children_of(client.pid)
        if stopped:
            os.kill(client.pid, signal.SIGSTOP)
        await client.close()
        assert client.pid == 0
        assert (await hung).lost
        await sandbox.let_go("slow", orphans)

    asyncio.run(scenario())


def test_closing_what_never_ran_does_nothing(sandbox: Sandbox) -> None:
    asyncio.run(LoaderClient(sandbox.roots).close())


_DAEMON = """
import asyncio, sys
from pathlib import Path
from tests.adapters.loader_fixture import Sandbox, children_of, running, settled

async def main():
    sandbox = Sandbox(Path(sys.argv[1]))
    sandbox.hang("slow")
    async with running(sandbox.roots) as client:
        hung = asyncio.create_task(client.perform(sandbox.write("slow")))
        await settled(client)
        print(client.pid, *children_of(client.pid), flush=True)
        await hung

asyncio.run(main())
"""


def test_a_killed_daemon_leaves_no_loader(tmp_path: Path) -> None:
    """The loader ends at once, although a child of it still hangs and holds the socket."""

    fifo = tmp_path / "sys/module" / MODULE / "parameters/slow"

    async def scenario() -> None:
        daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _DAEMON, str(tmp_path), stdout=asyncio.subprocess.PIPE
        )
        assert daemon.stdout is not None
        loader, *orphans = map(int, (await daemon.stdout.readline()).split())
        daemon.kill()
        await daemon.wait()
        await ended(loader)
        assert orphans
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        for orphan in orphans:
            await ended(orphan)
        os.close(reader)

    asyncio.run(scenario())


# ------------------------------------------------------------------------------- the process itself


def test_it_holds_no_file_of_the_daemon(sandbox: Sandbox) -> None:
    """Not even one that can be inherited, as what the service manager passes on can be."""

    async def scenario() -> set[str]:
        async with running(sandbox.roots) as client:
            return files_of(client.pid)

    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    pipe = os.readlink(f"/proc/self/fd/{write_end}")
    files = asyncio.run(scenario())
    os.close(read_end)
    os.close(write_end)
    assert pipe not in files
    assert "/dev/null" in files


def test_ps_shows_its_name(sandbox: Sandbox) -> None:
    async def scenario() -> str:
        async with running(sandbox.roots) as client:
            return name_of(client.pid)

    assert asyncio.run(scenario()) == "kmodd-loader"


def test_it_imports_nothing_heavy(sandbox: Sandbox) -> None:
    """Each of these costs start-up time or memory in every child."""
    script = (
        "import sys; sys.path.append(sys.argv[1]); import kmodd.kernel.loader;"
        "print(*{'asyncio', 'dataclasses', 'inspect', 'ssl', 'pydantic', 'subprocess',"
        " 'typing', 'socket', 'selectors', 'contextlib',"
        " 'kmodd.shown', 'kmodd.kernel.questions'} & set(sys.modules))"
    )

    async def scenario() -> bytes:
        root = str(Path(__file__).parents[2])
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", "-c", script, root, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await child.communicate()
        return output

    assert asyncio.run(scenario()) == b"\n"


def test_a_loader_that_cannot_be_started_is_an_error(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    async def scenario() -> None:
        await settled(LoaderClient(sandbox.roots))

    with pytest.raises(KmoddError, match="cannot be started") as caught:
        asyncio.run(scenario())
    assert caught.value.kind is ErrorKind.LOADER_LOST
