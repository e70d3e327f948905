"""Where the bus is. For the daemon and for the tool, so nothing of asyncio in here."""

from __future__ import annotations

import os

from kmodd.bus.names import SYSTEM_BUS
from kmodd.errors import ErrorKind, KmoddError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def system_bus(environment: Mapping[str, str]) -> str:
    """Address of the system bus: as DBUS_SYSTEM_BUS_ADDRESS says, or the usual one (dbus-daemon(1))."""
    return environment.get("DBUS_SYSTEM_BUS_ADDRESS", SYSTEM_BUS)


def socket_names(address: str) -> tuple[bytes, ...]:
    """AF_UNIX names of the ``unix:path=`` and ``unix:abstract=`` entries (D-Bus specification, Addresses).

    Raises NO_BUS where there are none.
    """
    found = []
    for entry in address.split(";"):
        transport, _, text = entry.partition(":")
        options = dict(option.partition("=")[::2] for option in text.split(","))
        if transport == "unix" and "path" in options:
            found.append(_unescaped(options["path"]))
        elif transport == "unix" and "abstract" in options:
            found.append(b"\0" + _unescaped(options["abstract"]))
    if not found:
        raise KmoddError(
            ErrorKind.NO_BUS,
            f"{address!r} is not the address of a local bus",
            "a local one is unix:path=PATH or unix:abstract=NAME",
        )
    return tuple(found)


def _unescaped(text: str) -> bytes:
    if "%" not in text:
        return os.fsencode(text)
    # Seldom needed, and dear.
    import re  # noqa: PLC0415

    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda escape: bytes.fromhex(escape[1].decode()), os.fsencode(text))
