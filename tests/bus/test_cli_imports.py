"""What ``kmoddctl status`` imports, started as its package starts it: that is most of its time."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.bus.cli_tool import environment, finish, use
from tests.bus.manager import FakeManager, statuses
from tests.bus.private_bus import PrivateBus

_ROOT = str(Path(__file__).parents[2])
_SCRIPT = """
import gc, importlib, os, struct, sys, time
before = set(sys.modules)
sys.path.append(sys.argv.pop(1))
from kmodd.cli.entry import main
status = main()
sys.stderr.write(" ".join(sorted(set(sys.modules) - before)))
sys.exit(status)
"""
_OWN = """
__future__ _collections _socket
kmodd kmodd.errors kmodd.named_tuple kmodd.names
kmodd.bus kmodd.bus.address kmodd.bus.decode kmodd.bus.encode kmodd.bus.external kmodd.bus.kept
kmodd.bus.message kmodd.bus.names kmodd.bus.outgoing kmodd.bus.signature kmodd.bus.values
kmodd.cli kmodd.cli.bus kmodd.cli.bus.client kmodd.cli.bus.standing kmodd.cli.commands kmodd.cli.entry
kmodd.cli.look kmodd.cli.look.overview kmodd.cli.main kmodd.cli.terminal
kmodd.cli.terminal.output kmodd.cli.terminal.render kmodd.cli.terminal.tones kmodd.cli.usual
"""


@pytest.mark.parametrize("arguments", [[], ["status"], ["status", "--all"], ["list"]])
def test_beyond_a_few_modules_of_python_only_its_own_are_imported(
    bus: PrivateBus, arguments: list[str]
) -> None:
    async def test() -> None:
        command = (sys.executable, "-IS", "-c", _SCRIPT, _ROOT, *arguments)
        tool = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, env=environment(bus))
        printed = await finish(tool)
        assert printed.status == 0, printed.err
        assert printed.err.split() == sorted(_OWN.split())

    use(bus, FakeManager(statuses(1)), test)
