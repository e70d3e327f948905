"""kmodd's real inside on a simulated kernel, with real files and the real compiler, on a real bus.

Only what tells of files that change is missing: files count when somebody asks for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from kmodd.bus import names
from kmodd.bus.publish import Publisher, bind_manager
from kmodd.bus.service import Service
from kmodd.daemon.snapshot import Snapshot
from kmodd.shown import OutcomeRow
from tests.bus.cli_tool import kmoddctl, start
from tests.bus.polkit import FakePolkit, polkit
from tests.bus.private_bus import Printed, PrivateBus, client
from tests.support.config_tree import drop
from tests.support.daemon import TREE, SimulatedDaemon
from tests.support.simulated_kernel import SimulatedKernel, SimulatedModule

__all__ = ["RealDaemon", "play_on_bus", "start"]


class RealDaemon(SimulatedDaemon):
    """The daemon, and the tool asking it."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        bus: PrivateBus,
        path: Path,
        kernel: SimulatedKernel,
        judge: FakePolkit,
    ) -> None:
        self.publisher: Publisher | None = None
        self.polkit = judge
        self._moved = asyncio.Event()
        super().__init__(group, path, kernel)
        self.bus = bus
        self.root = path / "root"
        # What the daemon itself keeps lies there.
        self.files.runtime_dir.parent.mkdir(parents=True, exist_ok=True)
        self.files.runtime_dir.symlink_to(path)
        self.etc = self.files.directories[0]
        self.reads_files = True

    def show(self, snapshot: Snapshot) -> None:
        super().show(snapshot)
        self._moved.set()
        if self.publisher is not None:
            self.publisher.publish()

    def finished(self, rows: tuple[OutcomeRow, ...]) -> None:
        super().finished(rows)
        if self.publisher is not None:
            self.publisher.finished(rows)

    async def until(self, happened: Callable[[], bool], most_s: float = 60.0) -> None:
        """Wait, from pass to pass, until something has happened."""
        async with asyncio.timeout(most_s):
            while not happened():
                self._moved.clear()
                await self._moved.wait()

    async def ctl(self, *arguments: str) -> Printed:
        """Run the tool to its end, on the same files."""
        return await kmoddctl(self.bus, *arguments, root=self.root)

    def drop(self, name: str, text: str) -> Path:
        """A file in /etc/kmodd.d."""
        return drop(self.etc, name, text)


def play_on_bus(
    bus: PrivateBus,
    path: Path,
    scenario: Callable[[RealDaemon], Awaitable[None]],
    modules: Iterable[SimulatedModule] = TREE,
) -> None:
    """Run a scenario beside a daemon of its own, whose files lie in ``path``."""

    async def main() -> None:
        async with polkit(bus) as judge, client(bus) as connection, asyncio.TaskGroup() as group:
            daemon = RealDaemon(group, bus, path, SimulatedKernel(modules), judge)
            daemon.publisher = bind_manager(Service(connection), daemon.facade)
            await connection.request_name(names.SERVICE)
            try:
                await scenario(daemon)
            finally:
                daemon.stop()

    asyncio.run(main())
