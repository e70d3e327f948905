"""Services of a guest that has a service manager: kmodd as its package installs it, and its peers."""

import shutil
import subprocess
from pathlib import Path

from bench.guest import modules
from bench.guest.processes import wait_for_end

KMODD, FIREWALLD, TUNED = ALL = ("kmodd.service", "firewalld.service", "tuned.service")
RUNTIME = Path("/run/kmodd")
_PACKAGES = ("systemd", "firewalld", "tuned", "ansible-core", "python3")
_BEGAN, _EXECUTED, _ACTIVE = (
    f"{what}TimestampMonotonic" for what in ("InactiveExit", "ExecMainHandoff", "ActiveEnter")
)
_GROUPS = Path("/sys/fs/cgroup")


def afresh(declared: int = 0) -> tuple[str, ...]:
    """None of the services is there, and just so many modules are declared that are in the kernel; these."""
    stop(*ALL)
    for file in modules.CONFIGURATION.glob("*.toml"):
        file.unlink()
    names = modules.load(declared)[:declared]
    modules.declare(names)
    return names


def start(unit: str) -> None:
    """Start it and wait until it is active; however often it was started before."""
    _systemctl("reset-failed", unit)
    _systemctl("start", unit)


def stop(*units: str) -> None:
    """Stop them and wait until they have ended."""
    _systemctl("stop", *units)


def forget() -> None:
    """Take away what kmodd has cached, so that its next start needs loader and compiler."""
    shutil.rmtree(RUNTIME, ignore_errors=True)


def start_s(unit: str) -> float:
    """Stop it, start it; the seconds from inactive to active by the manager's own clock (systemctl(1))."""
    stop(unit)
    start(unit)
    return _since_it_began_s(unit, _ACTIVE)


def set_up_s(unit: str) -> float:
    """The part of its last start that was over before its program began: what the manager itself does."""
    return _since_it_began_s(unit, _EXECUTED)


def pids(unit: str) -> tuple[int, ...]:
    """Every process that the manager counts as the unit's (cgroups(7))."""
    group = _GROUPS / _property(unit, "ControlGroup").removeprefix("/")
    return tuple(map(int, (group / "cgroup.procs").read_text().split()))


def wait_for_helpers(unit: str) -> None:
    """Until the main process of the unit is its only one: all that were there for a while have ended."""
    main = int(_property(unit, "MainPID"))
    wait_for_end(pid for pid in pids(unit) if pid != main)


def versions() -> str:
    """What the peers are, as a sentence."""
    query = ("dpkg-query", "--show", "--showformat=${Package} ${Version}, ", *_PACKAGES)
    said = subprocess.run(query, check=True, capture_output=True, text=True).stdout
    return f"services: a whole Debian in User Mode Linux with {said.removesuffix(', ')}"


def _since_it_began_s(unit: str, stamp: str) -> float:
    began_us, then_us = (int(_property(unit, each)) for each in (_BEGAN, stamp))
    assert then_us > began_us, unit
    return (then_us - began_us) / 1e6


def _property(unit: str, name: str) -> str:
    command = ("systemctl", "show", "--value", f"--property={name}", unit)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _systemctl(*arguments: str) -> None:
    subprocess.run(("systemctl", *arguments), check=True, capture_output=True)
