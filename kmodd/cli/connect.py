"""The way to the daemon: the system bus, or where the environment says it is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from kmodd.bus.address import system_bus
from kmodd.cli.client import Client
from kmodd.cli.manager import Manager


@contextmanager
def ask() -> Iterator[Manager]:
    """The daemon on the system bus. Raises NO_BUS."""
    with Client(system_bus(os.environ)) as client:
        yield Manager(client)
