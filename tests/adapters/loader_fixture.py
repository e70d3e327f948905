"""A loader on roots of a test's own, and what shows that something in there hangs or lives."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from kmodd.kernel.client import LoaderClient
from kmodd.kernel.roots import Roots
from kmodd.model import Parameter, Report, UnloadRequest, WriteRequest
from kmodd.names import ModuleName
from tests.support.agent.processes import scan

# Nobody has this module: whatever the host's kernel is, unloading it fails and harms nothing.
ABSENT = ModuleName("kmodd_test_absent")
MODULE = ModuleName("hung")


class Sandbox:
    """Fake /sys and /dev/kmsg below ``base``."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.parameters = base / "sys/module" / MODULE / "parameters"
        self.parameters.mkdir(parents=True)
        self.kmsg = base / "kmsg"
        self.kmsg.touch()

    @property
    def roots(self) -> Roots:
        return Roots(sys=str(self.base / "sys"), kmsg=str(self.kmsg), module_tree=str(self.base / "tree"))

    def hang(self, parameter: str) -> None:
        """Whoever writes this parameter hangs until somebody reads it."""
        os.mkfifo(self.parameters / parameter)

    def release(self, parameter: str) -> int:
        """Let one writer go on; the descriptor to read from."""
        return os.open(self.parameters / parameter, os.O_RDONLY | os.O_NONBLOCK)

    async def let_go(self, parameter: str, pids: list[int]) -> None:
        """Let one writer go on, and wait until the processes that may be it have ended."""
        reader = self.release(parameter)
        for pid in pids:
            await ended(pid)
        os.close(reader)

    def write(self, parameter: str, value: str = "1") -> WriteRequest:
        return WriteRequest(MODULE, (Parameter(parameter, value),))


@asynccontextmanager
async def running(roots: Roots) -> AsyncIterator[LoaderClient]:
    """A loader that has answered already."""
    client = LoaderClient(roots)
    try:
        await settled(client)
        yield client
    finally:
        await client.close()


async def settled(client: LoaderClient) -> Report:
    """Wait until the loader has forked a child for everything that it was asked before."""
    await asyncio.sleep(0)  # tasks that were made before this call ask before it
    return await client.perform(UnloadRequest(ABSENT))


def children_of(pid: int) -> list[int]:
    """Process ids of the children that have not ended."""
    return [process.pid for process in scan() if process.parent == pid and process.state not in "ZX"]


def files_of(pid: int) -> set[str]:
    """What its descriptors lead to, less standard error, which is the daemon's own."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add("" if entry.name == "2" else str(entry.readlink()))
    return found - {""}


def name_of(pid: int) -> str:
    """What ps shows of a process as its name (proc_pid_comm(5))."""
    return Path(f"/proc/{pid}/comm").read_text().removesuffix("\n")


def kill_children(client: LoaderClient) -> None:
    """SIGKILL whatever the loader has forked; a child that has said its word already misses nothing."""
    for pid in children_of(client.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def ended(pid: int) -> None:
    """Wait until a process that is not our child is gone (pidfd_open(2))."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    gone = loop.create_future()
    loop.add_reader(fd, gone.cancel)
    try:
        await asyncio.wait([gone])
    finally:
        loop.remove_reader(fd)
        os.close(fd)
