"""Boots of the simulated machine one after the other: what survives each end of one, and what does not."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.daemon import TREE, Scenario, SimulatedDaemon, play
from tests.support.simulated_kernel import SimulatedModule


class SimulatedMachine:
    """Files of one machine in ``path``; the state directory and pstore outlive a boot."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = path / "state"
        self.blocked = path / "run-modprobe.d/00-kmodd-blocked.conf"
        self.boots = 0
        self._disk: dict[Path, bytes] = {}
        self._down = False

    def boot(
        self,
        scenario: Scenario,
        modules: tuple[SimulatedModule, ...] = TREE,
        before: Callable[[SimulatedDaemon], None] | None = None,
    ) -> None:
        """A boot, from its beginning to the end of the scenario, where the service is stopped cleanly.

        ``before``: what the files say before the first pass.
        """
        self.boots += 1
        self._down = False
        shutil.rmtree(self.path / "run-modprobe.d", ignore_errors=True)
        for name in ("loads.json", "loads.jsonl", "inventory.json"):
            (self.path / name).unlink(missing_ok=True)
        self._run(scenario, modules, before)

    def start_again(self, scenario: Scenario) -> None:
        """Another daemon in the same boot; its kernel is new all the same."""
        self._run(scenario, TREE, None)

    def go_down(self) -> None:
        """Within a scenario: the machine is without power from now on, whatever the daemon still does."""
        self._disk = {path: path.read_bytes() for path in self.state.rglob("*") if path.is_file()}
        self._down = True

    def leave_crash_log(self, *lines: str) -> None:
        """The kernel's last words, for the next boot."""
        directory = self.path / "pstore"
        directory.mkdir(exist_ok=True)
        (directory / "dmesg-ramoops-0").write_text("\n".join(lines))

    def _run(
        self,
        scenario: Scenario,
        modules: tuple[SimulatedModule, ...],
        before: Callable[[SimulatedDaemon], None] | None,
    ) -> None:
        kernel = self.path / "proc/sys/kernel"
        (kernel / "random").mkdir(parents=True, exist_ok=True)
        (kernel / "random/boot_id").write_text(f"boot-{self.boots}\n")
        (kernel / "version").write_text("#1 SMP\n")

        async def whole(daemon: SimulatedDaemon) -> None:
            if before is not None:
                before(daemon)
            await scenario(daemon)
            if not self._down:
                daemon.guard.stop()

        play(self.path, whole, modules)
        if self._down:
            shutil.rmtree(self.state)
            for path, content in self._disk.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
