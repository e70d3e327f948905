"""kmoddctl and the whole daemon, with inotify and the compiler's child; on a kernel without modules."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from kmodd.config.paths import ConfigPaths
from kmodd.daemon.app import serve
from kmodd.daemon.places import Places
from kmodd.kernel.roots import Roots
from tests.bus.cli_tool import finish, kmoddctl, start
from tests.bus.polkit import polkit
from tests.bus.private_bus import Printed, PrivateBus
from tests.bus.test_cli_try import asking, written
from tests.bus.test_cli_watch import line_of, lines_until
from tests.support.config_tree import config_paths, drop

OUT = '[module.loop]\nstate = "unloaded"\nreason = "{}"\n'
HANGS_S = 60.0


class Machine(NamedTuple):
    """Where the files of a daemon are, and the tool beside it."""

    bus: PrivateBus
    root: Path
    config: ConfigPaths

    async def ctl(self, *arguments: str) -> Printed:
        """Run the tool to its end."""
        return await kmoddctl(self.bus, *arguments, root=self.root)


def play(bus: PrivateBus, path: Path, scenario: Callable[[Machine], Awaitable[None]]) -> None:
    """Run ``scenario`` beside a whole daemon, which is stopped at its end as a service is."""
    root = path / "root"
    config = config_paths(root)
    (path / "proc/sys/kernel").mkdir(parents=True)
    (path / "proc/sys/kernel/osrelease").write_text("6.12.0-test\n")
    (path / "proc/cmdline").write_text("quiet\n")
    (path / "proc/modules").write_text("")
    config.settings.write_text(f'modprobe_file = "{path}/modprobe.d/00-kmodd.conf"\n')
    (path / "modprobe.d").mkdir()
    roots, pstore = Roots(str(path / "proc"), str(path / "sys")), (str(path / "pstore"),)
    places = Places(config, roots, path / "modules", (), path / "run-modprobe.d", pstore, bus.address)

    async def whole() -> None:
        async with polkit(bus), asyncio.TaskGroup() as group:
            watching = await start(bus, "watch", more={"LC_ALL": "C.UTF-8"})
            assert (await finish(watching)).status == 18  # not yet
            daemon = group.create_task(serve(places, once=False))
            machine = Machine(bus, root, config)
            async with asyncio.timeout(HANGS_S):
                while (await machine.ctl("reload")).status == 18:
                    pass
                await scenario(machine)
            os.kill(os.getpid(), signal.SIGTERM)
            assert await daemon == 0

    asyncio.run(whole())


def test_a_file_that_is_dropped_is_seen_and_one_on_trial_too(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(machine: Machine) -> None:
        tool = await start(bus, "watch")
        await line_of(tool)
        drop(machine.config.directories[0], "10.toml", OUT.format("old"))
        row = ("loop", "missing", "in-sync", "not", "in", "the", "kernel")
        await lines_until(tool, *row)
        tool.send_signal(signal.SIGINT)
        assert (await finish(tool)).status == 130
        async with asking(bus, machine.root, written(tmp_path / "10.toml", OUT.format("new"))) as person:
            assert "Reason  new" in (await machine.ctl("status", "loop")).out
            person.answer("n\n")
            assert (await finish(person.tool)).status == 3
        assert "Reason  old" in (await machine.ctl("status", "loop")).out
        assert not machine.config.trial_dir.exists()
        printed = await machine.ctl("try", "--yes", str(tmp_path / "10.toml"))
        assert (printed.status, printed.err) == (0, "")
        assert "Reason  new" in (await machine.ctl("status", "loop")).out
        assert "a rollback" not in (await machine.ctl("status")).out

    play(bus, tmp_path, scenario)


@pytest.mark.shows("P8")
def test_what_is_on_trial_ends_with_the_time_when_the_tool_is_killed(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(machine: Machine) -> None:
        drop(machine.config.directories[0], "10.toml", OUT.format("old"))
        file = written(tmp_path / "10.toml", OUT.format("new"))
        async with asking(bus, machine.root, file, "--timeout", "3") as person:
            person.tool.kill()
            await person.tool.wait()
        assert "Reason  new" in (await machine.ctl("status", "loop")).out
        while "Reason  new" in (await machine.ctl("status", "loop")).out:
            pass
        assert list(machine.config.trial_dir.iterdir()) == []
        assert "a rollback" not in (await machine.ctl("status")).out
        assert "10.toml" in (await machine.ctl("explain", "loop")).out

    play(bus, tmp_path, scenario)


def test_what_lasts_is_seen_by_the_whole_daemon_as_well(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(machine: Machine) -> None:
        file = machine.config.directories[0] / "zz-kmoddctl-loop.toml"
        printed = await machine.ctl("set", "--persistent", "loop", "max_loop=8")
        assert printed.out.startswith("loop  missing  in-sync  left to others")
        assert f"{file}:" in (await machine.ctl("explain", "loop")).out
        printed = await machine.ctl("load", "loop")
        assert (printed.status, printed.out.split()[:3]) == (3, ["loop", "missing", "missing"])
        printed = await machine.ctl("clear", "loop")
        assert (printed.status, printed.out.split()[:3]) == (0, ["loop", "not-loaded", "not-managed"])
        assert not file.exists()

    play(bus, tmp_path, scenario)
