"""udevd and dbus-daemon of the guest, started as a real machine has them."""

import uuid

from tests.support.guest.conditions import CommandPrints, PathExists
from tests.support.guest.machine import GuestMachine
from tests.support.uml.process import REPOSITORY

_TIMEOUT_S = 30.0
_BUS_SOCKET = "/run/dbus/system_bus_socket"
_UDEVD = "/lib/systemd/systemd-udevd"


def start_udevd(guest: GuestMachine) -> int:
    """Start udevd and let it see every device but the many terminals, which concern nobody; its pid."""
    pid = guest.spawn(_UDEVD, output="/run/udevd.log")
    _require(guest, CommandPrints(("udevadm", "control", "--ping")), "udevd does not answer")
    guest.run("udevadm", "trigger", "--action=add", "--type=subsystems").check()
    guest.run("udevadm", "trigger", "--action=add", "--subsystem-nomatch=tty").check()
    guest.settle()
    return pid


def start_bus(guest: GuestMachine) -> int:
    """Start a system bus that knows the policy of kmodd; its pid."""
    for policy in sorted((REPOSITORY / "packaging/dbus").glob("*.conf")):
        guest.write(f"/etc/dbus-1/system.d/{policy.name}", policy.read_bytes())
    guest.run("mkdir", "-p", "/run/dbus").check()
    guest.write("/etc/machine-id", f"{uuid.uuid4().hex}\n")  # machine-id(5); an image has none yet
    pid = guest.spawn(
        "dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog", output="/run/dbus.log"
    )
    _require(guest, PathExists(_BUS_SOCKET), "dbus-daemon does not listen")
    return pid


def _require(guest: GuestMachine, condition: CommandPrints | PathExists, complaint: str) -> None:
    if not guest.holds_within(condition, _TIMEOUT_S):
        raise AssertionError(complaint)
