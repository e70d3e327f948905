"""The units: what can be known of them without a service manager. tests/debian has them under one."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from kmodd.daemon.survey import default_parallel

UNITS = Path(__file__).parents[2] / "systemd"
DAEMON, LOAD = "kmodd.service", "kmodd-load.service"

ONLY_DAEMON = {
    "CapabilityBoundingSet": ["CAP_SYS_MODULE CAP_SYS_PTRACE CAP_DAC_READ_SEARCH"],
    "PrivateTmp": ["yes"],
    "ProtectProc": ["invisible"],
}
ONLY_LOAD = {"CapabilityBoundingSet": ["CAP_SYS_MODULE"]}


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


def test_there_is_a_file_of_the_kernel_log_for_each_load_at_once_and_some_for_those_that_hang() -> None:
    opened = settings(DAEMON, "Service")["OpenFile"]
    assert set(opened) == {"/dev/kmsg:kmsg:read-only"}
    assert len(opened) > 8
    assert default_parallel() <= 8


@pytest.mark.parametrize("unit", [DAEMON, LOAD])
def test_the_preset_enables_what_can_be_enabled(unit: str) -> None:
    assert settings(unit, "Install")["WantedBy"]
    assert f"enable {unit}" in (UNITS / "90-kmodd.preset").read_text().splitlines()


def test_where_the_unit_may_write_is_made_before() -> None:
    made = re.findall(r"^d (\S+)", (UNITS / "kmodd.tmpfiles.conf").read_text(), re.MULTILINE)
    assert made == [path.removeprefix("-") for path in settings(DAEMON, "Service")["ReadWritePaths"][:1]]


def test_the_bus_starts_it_by_a_name_that_disabling_takes_away() -> None:
    activation = (UNITS / "org.kmodd1.service").read_text()
    assert f"SystemdService={settings(DAEMON, 'Install')['Alias'][0]}\n" in activation
