"""The units: what can be known of them without a service manager. tests/debian has them under one."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
DAEMON, LOAD = "kmodd.service", "kmodd-load.service"

ONLY_DAEMON = {
    "CapabilityBoundingSet": ["CAP_SYS_MODULE CAP_SYS_PTRACE CAP_DAC_READ_SEARCH"],
    "PrivateTmp": ["yes"],
    "ProtectProc": ["invisible"],
    "ReadWritePaths": ["/etc/modprobe.d /run/modprobe.d", "/sys/module"],
}
ONLY_LOAD = {
    "CapabilityBoundingSet": ["CAP_SYS_MODULE"],
    "ReadWritePaths": ["/etc/modprobe.d -/run/modprobe.d", "/sys/module"],
}


def settings(unit: str, section: str) -> dict[str, list[str]]:
    """Values of each key of a section (systemd.syntax(7)), as often as it is set."""
    found: dict[str, list[str]] = defaultdict(list)
    here = ""
    for line in (UNITS / unit).read_text().splitlines():
        if line.startswith("["):
            here = line.strip("[]")
        elif line and not line.startswith("#") and here == section:
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


def sandbox(unit: str) -> dict[str, list[str]]:
    """What a unit's processes may do: everything from its capabilities on."""
    service = settings(unit, "Service")
    keys = list(service)
    return {key: service[key] for key in keys[keys.index("CapabilityBoundingSet") :]}


def test_both_units_have_one_sandbox_but_for_what_the_daemon_needs_more() -> None:
    daemon, load = sandbox(DAEMON), sandbox(LOAD)
    assert {key: value for key, value in daemon.items() if load.get(key) != value} == ONLY_DAEMON
    assert {key: value for key, value in load.items() if daemon.get(key) != value} == ONLY_LOAD


def test_the_directories_of_both_are_the_same() -> None:
    daemon, load = settings(DAEMON, "Service"), settings(LOAD, "Service")
    for key in (
        "RuntimeDirectory",
        "RuntimeDirectoryPreserve",
        "StateDirectory",
        "ConfigurationDirectory",
        "UMask",
    ):
        assert daemon[key] == load[key], key


def test_the_kernel_log_is_passed_on_under_the_name_that_the_daemon_knows() -> None:
    opened = settings(DAEMON, "Service")["OpenFile"]
    assert set(opened) == {"/dev/kmsg:kmsg:read-only"}
    assert 'files.get("kmsg"' in (UNITS.parent / "kmodd/daemon/app.py").read_text()


@pytest.mark.parametrize("unit", [DAEMON, LOAD])
def test_the_preset_enables_what_can_be_enabled(unit: str) -> None:
    assert settings(unit, "Install")["WantedBy"]
    assert f"enable {unit}" in (UNITS / "90-kmodd.preset").read_text().splitlines()


def test_what_the_unit_may_write_to_is_made_before() -> None:
    made = re.findall(r"^d (\S+)", (UNITS / "kmodd.tmpfiles.conf").read_text(), re.MULTILINE)
    assert made == settings(DAEMON, "Service")["ReadWritePaths"][0].split()
