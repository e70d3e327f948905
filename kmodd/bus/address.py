"""Where the bus is, and the way in: address, socket, authentication."""

import asyncio
import re
import socket

from kmodd.bus.library import ExternalAuth
from kmodd.bus.message import WireError
from kmodd.errors import ErrorKind, KmoddError

_LINE_BYTES = 4096
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_HINT = "is dbus running? kmodd works without it, but then only the journal tells what it does"


def socket_names(address: str) -> tuple[bytes, ...]:
    """AF_UNIX names of the ``unix:path=`` and ``unix:abstract=`` entries (D-Bus specification, Addresses)."""
    found = []
    for entry in address.split(";"):
        transport, _, text = entry.partition(":")
        options = dict(option.partition("=")[::2] for option in text.split(","))
        if transport == "unix" and "path" in options:
            found.append(_unescaped(options["path"]))
        elif transport == "unix" and "abstract" in options:
            found.append(b"\0" + _unescaped(options["abstract"]))
    if not found:
        raise KmoddError(ErrorKind.NO_BUS, f"{address!r} is not the address of a local bus", _HINT)
    return tuple(found)


def _unescaped(text: str) -> bytes:
    return _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), text.encode())


async def open_socket(address: str) -> socket.socket:
    """A connected and authenticated, non-blocking socket; raises NO_BUS."""
    problem: Exception | None = None
    for name in socket_names(address):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        done = False
        try:
            await asyncio.get_running_loop().sock_connect(sock, name)
            await _authenticate(sock)
            done = True
            return sock
        except (OSError, WireError) as error:
            problem = error
        finally:
            if not done:
                sock.close()
    raise KmoddError(ErrorKind.NO_BUS, f"the bus at {address} cannot be reached: {problem}", _HINT)


async def _authenticate(sock: socket.socket) -> None:
    """EXTERNAL; fd passing is not asked for, so that no message can bring one."""
    loop = asyncio.get_running_loop()
    dialogue = ExternalAuth()
    await loop.sock_sendall(sock, dialogue.first_line())
    line = b""
    while not line.endswith(b"\r\n"):
        data = await loop.sock_recv(sock, _LINE_BYTES)
        line += data
        if not data or len(line) > _LINE_BYTES:
            raise WireError("the bus ended the authentication")
    await loop.sock_sendall(sock, dialogue.next_line(line))
