"""A client that sends calls without reading any answer, until it is ended. Usage: flood.py ADDRESS.

Prints a line for every 1,000 calls that the bus took.
"""

import asyncio
import sys

from kmodd.bus import names, outgoing
from kmodd.bus.connection import connect
from kmodd.bus.message import NO_REPLY_EXPECTED

_TARGET = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "ListModules")


async def main() -> None:
    """Flood."""
    connection = await connect(sys.argv[1])
    connection._transport._socket.setblocking(True)
    batch = b"".join(outgoing.method_call(n, _TARGET, flags=NO_REPLY_EXPECTED) for n in range(100, 1100))
    while True:
        connection._transport._socket.sendall(batch)
        print("1000", flush=True)


asyncio.run(main())
