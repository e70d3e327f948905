"""The way to the daemon: the system bus, or where the environment says it is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from kmodd.cli.client import Client
from kmodd.cli.manager import Manager

SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"


@contextmanager
def ask() -> Iterator[Manager]:
    """The daemon on the bus that DBUS_SYSTEM_BUS_ADDRESS names (dbus-daemon(1)). Raises NO_BUS."""
    with Client(os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", SYSTEM_BUS)) as client:
        yield Manager(client)
