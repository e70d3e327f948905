"""The way onto the bus: a socket, connected and authenticated."""

import asyncio
import socket

from kmodd.bus import external
from kmodd.bus.address import socket_names
from kmodd.bus.message import WireError
from kmodd.errors import ErrorKind, KmoddError

_LINE_BYTES = 4096
_HINT = "is dbus running? kmodd works without it, but then only the journal tells what it does"


async def open_socket(address: str) -> socket.socket:
    """A connected and authenticated, non-blocking socket; raises NO_BUS."""
    problem = ""
    for name in socket_names(address):
        try:
            return await _opened(name)
        except OSError as error:
            problem = error.strerror or str(error)
        except WireError as error:
            problem = str(error)
    raise KmoddError(ErrorKind.NO_BUS, f"the bus at {address} cannot be reached: {problem}", _HINT)


async def _opened(name: bytes) -> socket.socket:
    """Raises OSError and WireError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        await asyncio.get_running_loop().sock_connect(sock, name)
        await _authenticate(sock)
    except BaseException:
        sock.close()
        raise
    return sock


async def _authenticate(sock: socket.socket) -> None:
    """EXTERNAL; fd passing is not asked for, so that no message can bring one."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, external.first_line())
    line = b""
    while not line.endswith(b"\r\n"):
        data = await loop.sock_recv(sock, _LINE_BYTES)
        line += data
        if not data or len(line) > _LINE_BYTES:
            raise WireError("the bus ended the authentication")
    await loop.sock_sendall(sock, external.next_line(line))
