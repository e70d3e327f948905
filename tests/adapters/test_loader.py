"""The loader as the process that it is: what it answers, and what it survives."""

import asyncio
import errno
import os
import signal
import sys
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel.client import LoaderClient
from kmodd.model import LoadRequest, Report, UnloadRequest
from tests.adapters.loader_fixture import (
    ABSENT,
    MODULE,
    Sandbox,
    children_of,
    ended,
    kill_children,
    name_of,
    running,
    settled,
)
from tests.support.module_tree import ModuleTree


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


# ------------------------------------------------------------------------------- changes


def test_a_change_that_the_kernel_refuses_is_reported_with_its_errno_and_times(sandbox: Sandbox) -> None:
    """Which errno it is depends on the host's kernel; that there is one does not."""

    async def scenario() -> list[Report]:
        async with running(sandbox.roots) as client:
            module = ModuleTree(sandbox.base).add("kmodd_test_absent")
            requests: list[LoadRequest | UnloadRequest] = [
                UnloadRequest(ABSENT),
                LoadRequest(ABSENT, str(module), "a=1"),
                LoadRequest(ABSENT, "/nowhere/kmodd_test_absent.ko"),
            ]
            return [await client.perform(request) for request in requests]

    reports = asyncio.run(scenario())
    for report in reports:
        assert report.error
        assert not report.lost
        assert 0 < report.started_us <= report.finished_us
    assert reports[2].error == errno.ENOENT


def test_a_parameter_is_written_in_one_piece(sandbox: Sandbox) -> None:
    (sandbox.parameters / "p").touch()

    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            return await client.perform(sandbox.write("p", "a b ä"))

    assert asyncio.run(scenario()).error == 0
    assert (sandbox.parameters / "p").read_text() == "a b ä"


def test_an_empty_value_is_a_nul_byte_because_no_bytes_would_do_nothing(sandbox: Sandbox) -> None:
    (sandbox.parameters / "p").touch()

    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            return await client.perform(sandbox.write("p", ""))

    assert asyncio.run(scenario()).error == 0
    assert (sandbox.parameters / "p").read_bytes() == b"\0"


@pytest.mark.parametrize(
    ("parameter", "error"), [("missing", errno.ENOENT), ("directory", errno.EISDIR), ("link", errno.ELOOP)]
)
def test_a_parameter_that_cannot_be_written(sandbox: Sandbox, parameter: str, error: int) -> None:
    (sandbox.parameters / "directory").mkdir()
    (sandbox.parameters / "link").symlink_to(sandbox.kmsg)

    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            return await client.perform(sandbox.write(parameter))

    assert asyncio.run(scenario()).error == error


@pytest.mark.parametrize("parameter", ["../p", "a/b", "", ".."])
def test_a_parameter_name_that_is_a_path_is_refused(sandbox: Sandbox, parameter: str) -> None:
    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            return await client.perform(sandbox.write(parameter))

    with pytest.raises(KmoddError) as caught:
        asyncio.run(scenario())
    assert caught.value.kind is ErrorKind.INVALID_ARGUMENT


def test_a_request_that_does_not_fit_is_refused_before_it_is_sent(sandbox: Sandbox) -> None:
    async def scenario() -> tuple[Report, Report]:
        async with running(sandbox.roots) as client:
            too_long = await client.perform(LoadRequest(ABSENT, "/nowhere.ko", "x" * 40_000))
            return too_long, await settled(client)

    too_long, after = asyncio.run(scenario())
    assert too_long.error == errno.E2BIG
    assert not after.lost


# ------------------------------------------------------------------------------- many at once


def test_two_hundred_requests_at_once_and_nothing_left_open(sandbox: Sandbox) -> None:
    async def scenario() -> tuple[list[Report], int]:
        async with running(sandbox.roots) as client:
            reports: list[Report] = []
            for _ in range(3):
                reports += await asyncio.gather(*(settled(client) for _ in range(200)))
            return reports, len(os.listdir(f"/proc/{client.pid}/fd"))

    reports, descriptors = asyncio.run(scenario())
    assert len(reports) == 600
    assert not any(report.lost for report in reports)
    # Children that have reported but not yet ended still count; a leak would be above a thousand.
    assert descriptors < 600


def test_a_child_that_hangs_holds_nothing_else_up(sandbox: Sandbox) -> None:
    sandbox.hang("slow")

    async def scenario() -> tuple[list[Report], Report]:
        async with running(sandbox.roots) as client:
            hung = asyncio.create_task(client.perform(sandbox.write("slow", "7")))
            others = [await settled(client) for _ in range(5)]
            assert not hung.done()
            reader = sandbox.release("slow")
            report = await hung
            assert os.read(reader, 10) == b"7"
            os.close(reader)
            return others, report

    others, report = asyncio.run(scenario())
    assert not any(other.lost for other in others)
    assert (report.error, report.lost) == (0, False)


def test_a_cancelled_request_is_forgotten_and_nothing_else(sandbox: Sandbox) -> None:
    sandbox.hang("slow")

    async def scenario() -> Report:
        async with running(sandbox.roots) as client:
            hung = asyncio.create_task(client.perform(sandbox.write("slow")))
            await settled(client)
            hung.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hung
            await sandbox.let_go("slow", children_of(client.pid))
            return await settled(client)

    assert not asyncio.run(scenario()).lost


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
            directory = f"/proc/{client.pid}/fd"
            # Standard error is the daemon's own: that is where a traceback goes.
            names = [name for name in os.listdir(directory) if name != "2"]
            return {os.readlink(f"{directory}/{name}") for name in names}

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
        "print(*{'asyncio', 'dataclasses', 'inspect', 'ssl', 'pydantic', 'subprocess'} & set(sys.modules))"
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
