"""A private dbus-daemon, the real busctl, and kmodd's objects in between."""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kmodd.bus import names
from kmodd.bus.connection import Connection, connect
from kmodd.bus.publish import Publisher, bind_manager
from kmodd.bus.service import Service
from tests.bus.manager import FakeManager

ROOT = Path(__file__).parents[2]
PACKAGED_POLICY = ROOT / "packaging/dbus/org.kmodd1.conf"
NOBODY = 65534
_CALL_TIMEOUT_S = 60.0

# What system.conf of a distribution says before any service's own file.
_SYSTEM_POLICY = """
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
  </policy>
"""
# The tests may be anybody, and play polkit too.
_TEST_POLICY = f"""
  <policy user="{os.getuid()}">
    <allow own="{names.SERVICE}"/>
    <allow own="{names.POLKIT}"/>
    <allow own="org.kmodd1.test"/>
    <allow send_destination="org.kmodd1.test"/>
  </policy>
"""


@dataclass(frozen=True, slots=True)
class PrivateBus:
    """A running dbus-daemon."""

    address: str
    process: subprocess.Popen[str]

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()


@contextmanager
def private_bus(policy: str = _TEST_POLICY) -> Iterator[PrivateBus]:
    """A bus with the rules of a system bus, the packaged policy file and ``policy``; open to every user."""
    directory = Path(tempfile.mkdtemp(prefix="kmodd-bus-"))
    directory.chmod(0o755)
    address = f"unix:path={directory}/socket"
    config = directory / "bus.conf"
    config.write_text(
        f"<busconfig><type>system</type><listen>{address}</listen><auth>EXTERNAL</auth>"
        f"{_SYSTEM_POLICY}<include>{PACKAGED_POLICY}</include>{policy}</busconfig>"
    )
    process = subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--print-address=1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        assert process.stdout.readline().startswith("unix:")
        yield PrivateBus(address, process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        shutil.rmtree(directory)


@dataclass(frozen=True, slots=True)
class Served:
    """The manager's objects on a bus, and the name owned."""

    connection: Connection
    service: Service
    publisher: Publisher
    manager: FakeManager


@asynccontextmanager
async def serving(bus: PrivateBus, manager: FakeManager) -> AsyncIterator[Served]:
    """kmodd's side of the bus, as the daemon composes it."""
    async with client(bus) as connection:
        service = Service(connection)
        publisher = bind_manager(service, manager)
        await connection.request_name(names.SERVICE)
        yield Served(connection, service, publisher, manager)


@asynccontextmanager
async def client(bus: PrivateBus) -> AsyncIterator[Connection]:
    """Another connection."""
    connection = await connect(bus.address)
    try:
        yield connection
    finally:
        await connection.close()


@dataclass(frozen=True, slots=True)
class Printed:
    """What a command left behind."""

    status: int
    out: str
    err: str


async def busctl(bus: PrivateBus, *arguments: str, user: int | None = None) -> Printed:
    """Run busctl on the bus, as another user where asked for (root only)."""
    process = await asyncio.create_subprocess_exec(
        "busctl",
        f"--address={bus.address}",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        user=user,
    )
    async with asyncio.timeout(_CALL_TIMEOUT_S):
        out, err = await process.communicate()
    return Printed(process.returncode or 0, out.decode(), err.decode())


async def busctl_json(bus: PrivateBus, *arguments: str) -> Any:
    """What busctl prints as JSON: the data of an answer."""
    printed = await busctl(bus, "--json=short", *arguments)
    assert printed.status == 0, printed.err
    return json.loads(printed.out)["data"]


async def manager_call(bus: PrivateBus, member: str, *arguments: str, user: int | None = None) -> Printed:
    """Call a method of the manager with busctl."""
    target = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, member)
    return await busctl(bus, "call", *target, *arguments, user=user)
