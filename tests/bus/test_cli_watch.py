"""kmoddctl watch and apply: what happens, as it happens, from the daemon's inside on a real bus."""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from pathlib import Path

import pytest

from kmodd.bus import names
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState
from tests.bus.cli_tool import finish, start
from tests.bus.manager import FakeManager, status
from tests.bus.polkit import polkit
from tests.bus.private_bus import Printed, PrivateBus, busctl, busctl_json, serving
from tests.bus.real_daemon import RealDaemon, play_on_bus
from tests.support.simulated import Fault

_LINE_TIMEOUT_S = 60.0


async def line_of(tool: Process, *, timed: bool = True) -> str:
    """The next line that a tool writes, without the time."""
    assert tool.stdout
    async with asyncio.timeout(_LINE_TIMEOUT_S):
        text = (await tool.stdout.readline()).decode().rstrip("\n")
    return text.partition("  ")[2] if timed else text


async def lines_until(tool: Process, *words: str) -> list[str]:
    """Lines, each with single blanks, up to the one of these words."""
    lines = [" ".join((await line_of(tool)).split())]
    while lines[-1] != " ".join(words):
        lines.append(" ".join((await line_of(tool)).split()))
    return lines


async def interrupted(tool: Process) -> Printed:
    tool.send_signal(signal.SIGINT)
    return await finish(tool)


def test_watch_tells_of_every_change_until_it_is_interrupted(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await daemon.ctl("reload")
        tool = await start(bus, "watch")
        assert await line_of(tool) == "kmodd is converged, generation 1"
        daemon.drop("10.toml", "[module.upper]\n")
        assert (await daemon.ctl("reload")).status == 0
        lines = await lines_until(tool, "upper", "load", "done")
        assert "upper not-loaded loading to be loaded" in lines
        assert "base loaded in-sync needed by upper" in lines
        assert "upper loaded in-sync declared" in lines
        assert "kmodd is converged, generation 2" in lines
        assert "base load done" in lines
        (daemon.etc / "10.toml").unlink()
        await daemon.ctl("reload")
        assert "base loaded not-managed no file names it any more" in await lines_until(
            tool, "kmodd", "is", "converged,", "generation", "3"
        )
        assert await interrupted(tool) == Printed(130, "", "")

    play_on_bus(bus, tmp_path, scenario)


def test_watch_in_json_is_a_document_a_line(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        await daemon.ctl("reload")
        tool = await start(bus, "watch", "--json")
        first = json.loads(await line_of(tool, timed=False))
        kmodd = {"state": "converged", "converged": True, "paused": False, "generation": 1}
        assert first == {"event": "kmodd", **kmodd}
        await daemon.ctl("load", "dummy")
        events = [json.loads(await line_of(tool, timed=False))]
        while events[-1]["event"] != "action":
            events.append(json.loads(await line_of(tool, timed=False)))
        assert events[-1] == {"event": "action", "module": "dummy", "action": "load", "outcome": "done"}
        row = {"name": "dummy", "desired": "loaded", "state": "loaded", "condition": "in-sync"}
        assert {"event": "module", **row, "message": "declared"} in events
        assert await interrupted(tool) == Printed(130, "", "")

    play_on_bus(bus, tmp_path, scenario)


def test_watch_outlives_a_restart_of_kmodd_and_tells_what_is_another_since(bus: PrivateBus) -> None:
    async def main() -> None:
        before = FakeManager({each.name: each for each in (status("loop"), status("zfs"))})
        after = FakeManager({each.name: each for each in (status("loop"), status("zfs", message="new"))})
        async with serving(bus, before):
            tool = await start(bus, "watch")
            assert await line_of(tool) == "kmodd is converged, generation 7"
        assert await line_of(tool) == "kmodd is not-running, generation 7"
        async with serving(bus, after) as served:
            assert await line_of(tool) == "kmodd is converged, generation 7"
            assert (await line_of(tool)).split() == ["zfs", "loaded", "in-sync", "new"]
            after.state, after.paused = DaemonState.PAUSED, True
            served.publisher.publish()
            assert await line_of(tool) == "kmodd is paused, generation 7, enforcement is paused"
            assert await interrupted(tool) == Printed(130, "", "")

    asyncio.run(main())


@pytest.mark.shows("security 8")
def test_watch_believes_nobody_but_kmodd(bus: PrivateBus) -> None:
    listed = (names.BUS, names.BUS_PATH, names.BUS, "ListNames")
    evil = (
        *("/org/kmodd1/module/evil", names.PROPERTIES, "PropertiesChanged", "sa{sv}as"),
        *(names.MODULE_INTERFACE, "1", "Condition", "s", "failed", "0"),
    )

    async def main() -> None:
        loop = status("loop")
        async with serving(bus, FakeManager({loop.name: loop})) as served:
            (before,) = await busctl_json(bus, "call", *listed)
            tool = await start(bus, "watch")
            await line_of(tool)
            (now,) = await busctl_json(bus, "call", *listed)
            for name in set(now) - set(before):  # the tool, and busctl that has gone
                await busctl(bus, "emit", f"--destination={name}", *evil)
            served.manager.held = {loop.name: status("loop", condition=Condition.DRIFTED, message="\x1b[2J")}
            served.publisher.publish()
            assert (await line_of(tool)).split() == ["loop", "loaded", "drifted", "\\x1b[2J"]
            await interrupted(tool)

    asyncio.run(main())


def test_watch_ends_with_the_bus(bus: PrivateBus) -> None:
    async def main() -> None:
        async with serving(bus, FakeManager()):
            tool = await start(bus, "watch")
            await line_of(tool)
            bus.kill()
            printed = await finish(tool)
            said = "kmoddctl: the bus closed the connection (is dbus running?)\n"
            assert (printed.status, printed.err) == (13, said)

    asyncio.run(main())


def test_apply_shows_what_happens_and_what_came_of_it(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        daemon.drop("10.toml", "[module.upper]\n")
        printed = await daemon.ctl("apply")
        assert (printed.status, printed.err) == (0, "")
        happened, _, result = printed.out.partition("\n\n")
        lines = [" ".join(line.split()) for line in happened.splitlines()]
        assert lines.index("upper not-loaded loading to be loaded") < lines.index(
            "upper loaded in-sync declared"
        )
        assert result == ("base   load  done\nupper  load  done\ngeneration 2: 2 modules, all as declared\n")
        assert await daemon.ctl("apply") == Printed(0, "generation 2: 2 modules, all as declared\n", "")

    play_on_bus(bus, tmp_path, scenario)


def test_apply_where_nothing_is_declared(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        printed = await daemon.ctl("apply")
        assert printed == Printed(0, "generation 1: no file declares a module\n", "")

    play_on_bus(bus, tmp_path, scenario)


def test_apply_says_what_is_still_not_as_declared_and_what_to_do(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        daemon.drop("10.toml", "[module.dummy]\n[module.other]\n")
        daemon.loader.faults[ModuleName("dummy")] = [Fault(error=22)]
        printed = await daemon.ctl("apply")
        assert (printed.status, printed.err) == (3, "")
        assert "\ndummy  load  failed\n" in printed.out
        assert printed.out.endswith(
            "\n"
            "Not as declared\n"
            "  dummy  failed  init-error: its init function failed with EINVAL; see the kernel's messages\n"
            "                 -> kmoddctl status dummy shows what the kernel said; "
            "kmoddctl retry dummy tries again\n"
            "\n"
            "generation 2: 2 modules, 1 not as declared\n"
        )

    play_on_bus(bus, tmp_path, scenario)


def test_apply_puts_what_is_right_in_force_and_ends_with_the_errors(bus: PrivateBus, tmp_path: Path) -> None:
    async def scenario(daemon: RealDaemon) -> None:
        daemon.drop("10.toml", "[module.dummy]\n")
        bad = daemon.drop("20.toml", "[module.other\n")
        printed = await daemon.ctl("apply", "--json")
        assert printed.status == 5
        assert printed.err.startswith(f"kmoddctl: {bad}:1:14: the ']' after a table")
        assert json.loads(printed.out) == {
            "generation": 2,
            "outcomes": [{"module": "dummy", "action": "load", "outcome": "done"}],
            "modules": [
                {
                    "name": "dummy",
                    "desired": "loaded",
                    "state": "loaded",
                    "condition": "in-sync",
                    "message": "declared",
                }
            ],
        }

    play_on_bus(bus, tmp_path, scenario)


def test_apply_where_signals_do_not_come_has_the_rows_all_the_same(bus: PrivateBus) -> None:
    async def main() -> Printed:
        async with serving(bus, FakeManager({ModuleName("loop"): status("loop")})), polkit(bus):
            return await finish(await start(bus, "apply"))

    assert asyncio.run(main()) == Printed(
        0, "\nloop  load  done\ngeneration 8: 1 module, all as declared\n", ""
    )
