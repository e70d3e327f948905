"""sd_notify against a real datagram socket."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kmodd.daemon.notify import Notifier, watchdog_interval_s


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A service manager's socket, and its address as NOTIFY_SOCKET gives it."""
    name = str(tmp_path / "notify")
    address = name if request.param == "path" else f"@{name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name if request.param == "path" else f"\0{name}")
        yield receiver, address


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        (lambda notifier: notifier.ready("3 modules"), "READY=1\nSTATUS=3 modules"),
        (lambda notifier: notifier.status("degraded"), "STATUS=degraded"),
        (lambda notifier: notifier.status("a\nMAINPID=1"), "STATUS=a\\nMAINPID=1"),
        (Notifier.stopping, "STOPPING=1"),
        (Notifier.watchdog, "WATCHDOG=1"),
    ],
)
def test_what_is_said_arrives(
    manager: tuple[socket.socket, str], say: Callable[[Notifier], None], expected: str
) -> None:
    receiver, address = manager
    say(Notifier.from_environment({"NOTIFY_SOCKET": address}))
    assert receiver.recv(4096).decode() == expected


def test_a_reload_carries_the_monotonic_time(
    manager: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, address = manager
    monkeypatch.setattr("time.monotonic_ns", lambda: 1_234_567_890)
    Notifier(address).reloading()
    assert receiver.recv(4096) == b"RELOADING=1\nMONOTONIC_USEC=1234567"


def test_no_child_inherits_the_socket() -> None:
    environment = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1", "LANG": "C"}
    Notifier.from_environment(environment)
    watchdog_interval_s(environment, 1)
    assert environment == {"LANG": "C"}


@pytest.mark.parametrize("address", ["", "/nonexistent/notify", "vsock:2:1234", "relative"])
def test_nobody_to_tell_is_no_error(address: str) -> None:
    Notifier.from_environment({"NOTIFY_SOCKET": address}).ready("")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "9" * 5000}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_asked(
    environment: dict[str, str], expected: float | None
) -> None:
    assert watchdog_interval_s(environment, os.getpid()) == expected
