"""The real kmoddctl, as a person or a program starts it; and a kmodd that answers whatever it is told."""

import asyncio
import os
import pty
import sys
import termios
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kmodd.bus import names
from kmodd.bus.encode import encode
from kmodd.bus.message import Message
from tests.bus.manager import FakeManager
from tests.bus.polkit import polkit
from tests.bus.private_bus import Printed, PrivateBus, client, serving

TOOL = Path(sys.executable).with_name("kmoddctl")
_ELSEWHERE = """
import sys
from pathlib import Path
from kmodd.cli import main
from kmodd.cli.change import places
root = Path(sys.argv[1])
paths = places.CONFIG
places.CONFIG = paths._make(
    tuple(root / each.relative_to("/") for each in part)
    if isinstance(part, tuple)
    else root / part.relative_to("/")
    for part in paths
)
sys.exit(main.main(sys.argv[2:]))
"""
_END_TIMEOUT_S = 60.0
_READ_BYTES = 4096
_ROWS = 25
_NOTHING: Mapping[str, str] = {}


def use(bus: PrivateBus, manager: FakeManager, test: Callable[[], Awaitable[None]]) -> None:
    """Run ``test`` while the manager is served, and polkit allows everything to whoever runs this."""

    async def main() -> None:
        async with serving(bus, manager), polkit(bus):
            await test()

    asyncio.run(main())


def environment(bus: PrivateBus, more: Mapping[str, str] = _NOTHING) -> dict[str, str]:
    """What the tool is started with: the bus, and nothing of the tests' own terminal."""
    own = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    return {**own, "DBUS_SYSTEM_BUS_ADDRESS": bus.address, "LC_ALL": "C.UTF-8", "TZ": "UTC", **more}


async def start(
    bus: PrivateBus,
    *arguments: str,
    stdin: int = DEVNULL,
    stdout: int = PIPE,
    stderr: int = PIPE,
    user: int | None = None,
    more: Mapping[str, str] = _NOTHING,
    root: Path | None = None,
    first: str = "",
) -> Process:
    """A running tool, without a terminal; ``more`` goes into its environment.

    ``root``: where the directories of files are, in place of /; ``first``: Python that it begins with then.
    """
    program = (TOOL,) if root is None else (sys.executable, "-c", first + _ELSEWHERE, root)
    return await asyncio.create_subprocess_exec(
        *(*program, *arguments),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        user=user,
        env=environment(bus, more),
    )


async def finish(process: Process) -> Printed:
    """What a tool has left behind."""
    async with asyncio.timeout(_END_TIMEOUT_S):
        out, err = await process.communicate()
    return Printed(process.returncode or 0, (out or b"").decode(), (err or b"").decode())


async def kmoddctl(bus: PrivateBus, *arguments: str, root: Path | None = None) -> Printed:
    """Run the tool to its end."""
    return await finish(await start(bus, *arguments, root=root))


async def at_terminal(
    bus: PrivateBus, *arguments: str, width: int, more: Mapping[str, str] = _NOTHING
) -> Printed:
    """Run the tool at a terminal of so many columns, and return what that was sent."""
    master, slave = pty.openpty()
    try:
        termios.tcsetwinsize(slave, (_ROWS, width))
        terminal = {"TERM": "xterm", **more}
        tool = await start(bus, *arguments, stdout=slave, more=terminal)
        os.close(slave)
        shown = asyncio.to_thread(_read_all, master)
        printed, out = await asyncio.gather(finish(tool), shown)
    finally:
        os.close(master)
    return Printed(printed.status, out.decode().replace("\r\n", "\n"), printed.err)


def _read_all(descriptor: int) -> bytes:
    """Everything until the other side has closed it, which a terminal says with EIO."""
    data = b""
    while True:
        try:
            chunk = os.read(descriptor, _READ_BYTES)
        except OSError:
            return data
        if not chunk:
            return data
        data += chunk


@dataclass
class Rogue:
    """Owns kmodd's name; answers a member with a signature and values, and others not at all."""

    answers: Mapping[str, tuple[str, tuple[Any, ...]]]
    calls: list[Message] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def rogue(
    bus: PrivateBus, is_there: bool = True, /, **answers: tuple[str, tuple[Any, ...]]
) -> AsyncIterator[Rogue]:
    """A kmodd of another version, a broken one, or one that an attacker runs.

    ``is_there``: whether it says at least that.
    """
    one = Rogue(answers)
    async with client(bus) as connection:

        def serve(call: Message) -> None:
            if call.member == "Ping" and is_there:
                connection.reply(call, "", b"")
                return
            one.calls.append(call)
            one.called.set()
            if call.member in answers:
                signature, values = answers[call.member]
                connection.reply(call, signature, encode(signature, values))

        connection.on_call = serve
        await connection.request_name(names.SERVICE)
        yield one
