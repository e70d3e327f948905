"""kmoddctl as a process: interrupted, piped, at a terminal, and how little it imports."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from dataclasses import dataclass, field

import pytest

from kmodd.names import ModuleName
from kmodd.shown import Condition, Location, OutcomeRow, Source
from tests.bus.cli_tool import TOOL, at_terminal, environment, finish, kmoddctl, start, use
from tests.bus.manager import FakeManager, status, statuses
from tests.bus.private_bus import Printed, PrivateBus

# What a question to the daemon never needs, and what takes longer to import than asking.
_HEAVY = (
    "argparse",
    "asyncio",
    "ctypes",
    "dataclasses",
    "dbus_next.signature",
    "inspect",
    "json",
    "kmodd.cli.offline",
    "logging",
    "pydantic",
    "tempfile",
    "tomllib",
    "tomli",
    "unicodedata",
)
_IMPORTS = """
import json, sys
from kmodd.cli.main import main
del sys.modules["json"]
status = main(sys.argv[2:])
found = set(sys.modules)
sys.stderr.write(json.dumps([status, sorted(found.intersection(sys.argv[1].split(",")))]))
"""
_CLOSED = "import os, sys; os.close(1); os.execv(sys.argv[1], sys.argv[1:])"
LOOP = status("loop", condition=Condition.DRIFTED, message="max_part is '15' where '16' is wanted")


def manager() -> FakeManager:
    """One module, not as declared."""
    return FakeManager({LOOP.name: LOOP})


@dataclass
class Slow(FakeManager):
    """A pass without an end, and an event that says that it was begun."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def reconcile(self) -> tuple[OutcomeRow, ...]:
        self.begun.set()
        await asyncio.Event().wait()
        return ()


def test_an_interrupt_ends_it_without_a_word(bus: PrivateBus) -> None:
    slow = Slow()

    async def test() -> None:
        tool = await start(bus, "reconcile")
        await slow.begun.wait()
        tool.send_signal(signal.SIGINT)
        assert await finish(tool) == Printed(130, "", "")

    use(bus, slow, test)


@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("plan",)])
def test_a_reader_that_has_gone_is_no_error(bus: PrivateBus, arguments: tuple[str, ...]) -> None:
    async def test() -> None:
        read_end, write_end = os.pipe()
        os.close(read_end)
        try:
            tool = await start(bus, *arguments, stdout=write_end)
        finally:
            os.close(write_end)
        assert await finish(tool) == Printed(141, "", "")

    use(bus, manager(), test)


def test_a_full_disk_is_said(bus: PrivateBus) -> None:
    async def test() -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        try:
            tool = await start(bus, "list", stdout=full)
        finally:
            os.close(full)
        said = "kmoddctl: the output cannot be written: No space left on device\n"
        assert await finish(tool) == Printed(1, "", said)

    use(bus, FakeManager(statuses(300)), test)


def test_without_an_output_nothing_is_done(bus: PrivateBus) -> None:
    asked = manager()

    async def test() -> None:
        tool = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _CLOSED, TOOL, "reload"), stderr=PIPE, env=environment(bus)
        )
        said = "kmoddctl: the output cannot be written: Bad file descriptor\n"
        assert await finish(tool) == Printed(1, "", said)
        assert asked.calls == []

    use(bus, asked, test)


def test_where_nobody_hears_of_errors_the_exit_status_is_the_same(bus: PrivateBus) -> None:
    async def test() -> None:
        quiet = _CLOSED.replace("close(1)", "close(2)")
        tool = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", quiet, TOOL, "explain", "nosuch"), stdout=PIPE, env=environment(bus)
        )
        assert await finish(tool) == Printed(4, "", "")

    use(bus, manager(), test)


def test_at_a_wide_terminal(bus: PrivateBus) -> None:
    async def test() -> None:
        assert (await at_terminal(bus, "list", width=100)).out == (
            "\x1b[1mMODULE\x1b[0m  \x1b[1mDESIRED\x1b[0m  \x1b[1mSTATE\x1b[0m   "
            "\x1b[1mCONDITION\x1b[0m  \x1b[1mMESSAGE\x1b[0m\n"
            "\x1b[1mloop\x1b[0m    loaded   loaded  \x1b[33mdrifted\x1b[0m    "
            "max_part is '15' where '16' is wanted\n"
        )

    use(bus, manager(), test)


def test_at_a_narrow_terminal_without_colour(bus: PrivateBus) -> None:
    async def test() -> None:
        printed = await at_terminal(bus, "list", width=40, more={"NO_COLOR": "1"})
        assert printed.out == (
            "MODULE  DESIRED  STATE   CONDITION\n"
            "    MESSAGE\n"
            "loop    loaded   loaded  drifted\n"
            "    max_part is '15' where '16' is\n"
            "    wanted\n"
        )

    use(bus, manager(), test)


def test_what_was_replaced_is_dimmed_under_its_key(bus: PrivateBus) -> None:
    place = Location("/a.toml", 2)
    sources = (Source("state", '"auto"', place), Source("replaced state", '"loaded"', place))

    async def test() -> None:
        _, *lines = (await at_terminal(bus, "explain", "loop", width=100)).out.splitlines()
        assert lines == [
            'state       "auto"    \x1b[2m/a.toml:2\x1b[0m',
            '\x1b[2m  replaced\x1b[0m  \x1b[2m"loaded"\x1b[0m  \x1b[2m/a.toml:2\x1b[0m',
        ]

    use(bus, FakeManager({ModuleName("loop"): status("loop", sources=sources)}), test)


def test_what_the_terminal_cannot_show_is_escaped(bus: PrivateBus) -> None:
    async def test() -> None:
        tool = await start(bus, "status", "--all", more={"PYTHONIOENCODING": "ascii"})
        printed = await finish(tool)
        assert printed.out.startswith("* kmodd is converged")
        assert "wanted \\u4e2d" in printed.out

    wide = status("loop", message="wanted \u4e2d")
    use(bus, FakeManager({wide.name: wide}), test)


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["status"], []),
        (["status", "loop"], []),
        (["list"], []),
        (["plan"], []),
        (["explain", "loop"], []),
        (["reload"], []),
        (["retry", "loop"], []),
        (["pause"], []),
        (["load", "loop"], []),
        (["set", "loop", "max_loop=8"], ["argparse"]),
        (["clear", "loop"], []),
        (["apply"], []),
        (["symbols", "loop"], []),
        (["memory"], []),
        (["graph", "--svg"], []),
        (["timeline"], []),
        (["list", "--json"], ["json"]),
    ],
)
def test_only_what_a_command_needs_is_imported(
    bus: PrivateBus, arguments: list[str], needed: list[str]
) -> None:
    async def test() -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _IMPORTS, ",".join(_HEAVY), *arguments),
            stdout=PIPE,
            stderr=PIPE,
            env=environment(bus),
        )
        exit_status, found = json.loads((await finish(process)).err)
        assert exit_status == 0
        assert found == needed

    use(bus, FakeManager({LOOP.name: status("loop")}), test)


def test_version_needs_no_bus(bus: PrivateBus) -> None:
    bus.kill()
    printed = asyncio.run(kmoddctl(bus, "--version"))
    assert (printed.status, printed.out.split()[0]) == (0, "kmoddctl")
