"""Calls on the bus: small ones beside the bus itself and a bare service, large ones against the clock."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.asker import (
    GET_ID,
    GET_MANAGED_OBJECTS,
    GET_VERSION,
    LIST_MODULES,
    VERSION,
    Asker,
    Target,
    calls_a_second,
)
from bench.copied import Copy
from bench.measurement import seconds_in_turns, timed
from bench.on_copy import serving
from bench.series import Comparison, Finding, within
from kmodd.bus import names
from tests.support.uml.process import REPOSITORY

CALLS = 500
LIST_MOST_S, OBJECTS_MOST_S = 0.005, 0.040
_PYTHON = Path("/usr/bin/python3")
_SERVICE = REPOSITORY / "bench/peers/glib_service.py"
_BARE: Target = ("org.kmodd1.test", "/org/kmodd1/test", names.PROPERTIES, "Get")


def measure(copy: Copy, rounds: int) -> Finding:
    """On the machine itself, because processes that talk to each other are far dearer in the guest."""
    with (
        serving(copy) as on_copy,
        Asker(on_copy.bus.address) as asker,
        _bare(on_copy.bus.address) as has_bare,
    ):
        ask = partial(asker.seconds_a_call, CALLS)
        parts: dict[str, Callable[[], float]] = {
            "kmodd, a property": partial(ask, GET_VERSION, "ss", VERSION),
            "dbus-daemon, GetId": partial(ask, GET_ID),
            "ListModules": timed(lambda: asker.call(LIST_MODULES)),
            "GetManagedObjects": timed(lambda: asker.call(GET_MANAGED_OBJECTS)),
        }
        if has_bare:
            parts["dbus-python and GLib, a property"] = partial(ask, _BARE, "ss", VERSION)
        small, bus, rows, objects, *bare = seconds_in_turns(rounds, parts)
    return Finding(
        (
            Comparison("small call / dbus-daemon", small, bus),
            *(Comparison("small call / bare dbus-python service", small, peer) for peer in bare),
            within("ListModules, 300 modules", rows, LIST_MOST_S),
            within("GetManagedObjects, 300 modules", objects, OBJECTS_MOST_S),
        ),
        (calls_a_second(small, bus, *bare), *_without(bool(bare))),
    )


@contextmanager
def _bare(address: str) -> Iterator[bool]:
    """The bare service for the length of a with block; False where its libraries are not installed."""
    command = (str(_PYTHON), str(_SERVICE), address)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as service:
        try:
            assert service.stdout is not None
            yield service.stdout.readline() == b"ready\n"
        finally:
            service.kill()


def _without(bare: bool) -> tuple[str, ...]:
    if bare:
        return ()
    return ("small call: dbus-python and GLib are not installed here, so the bare service is not measured",)
