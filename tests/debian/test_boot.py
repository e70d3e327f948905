"""A fresh install, one file, a reboot: its modules are in before sysinit.target (shown 1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.debian.machine import DebianMachine
from tests.support.debian.systemd import KMODD, KMODD_LOAD
from tests.support.guest.report import MACHINE
from tests.support.images import recipe

FILE = """\
[module.dummy]
parameters.numdummies = 3
[module.nf_conntrack]
parameters.acct = true
"""
CONNTRACK_MAX = "/proc/sys/net/netfilter/nf_conntrack_max"


@dataclass(frozen=True, slots=True)
class Boot:
    """A machine after its reboot, and what held before."""

    machine: DebianMachine
    after_install: dict[str, str]
    modules_before: frozenset[str]


@pytest.fixture(scope="module")
def whole_story(package: Path) -> Iterator[Boot]:
    """kmodd installed while the machine runs; a file that loads modules, one that needs them; a reboot."""
    with DebianMachine.boot(recipe.base()) as machine:
        machine.install(package)
        after_install = {
            unit: machine.systemctl("is-active", unit).stdout.strip() for unit in (KMODD, KMODD_LOAD)
        }
        modules_before = frozenset(machine.modules())
        machine.drop("10-modules.toml", FILE)
        machine.write("/etc/sysctl.d/50-conntrack.conf", "net.netfilter.nf_conntrack_max = 54321\n")
        machine.reboot()
        yield Boot(machine, after_install, modules_before)


@pytest.fixture
def boot(whole_story: Boot, request: pytest.FixtureRequest) -> Boot:
    """The same, shown when the test fails."""
    request.node.stash[MACHINE] = whole_story.machine
    return whole_story


def monotonic_us(machine: DebianMachine, unit: str, name: str) -> int:
    """A moment in the life of a unit: the property NAMETimestampMonotonic."""
    properties = machine.properties(unit, f"{name}TimestampMonotonic")
    return int(properties[f"{name}TimestampMonotonic"])


def test_the_daemon_runs_as_soon_as_it_is_installed(boot: Boot) -> None:
    assert boot.after_install == {KMODD: "active", KMODD_LOAD: "inactive"}
    assert boot.modules_before.isdisjoint({"dummy", "nf_conntrack"})


def test_the_modules_are_in_with_their_parameters(boot: Boot) -> None:
    modules = boot.machine.modules()
    assert (modules["dummy"].state, modules["nf_conntrack"].state) == ("Live", "Live")
    assert {"dummy0", "dummy1", "dummy2"} <= set(boot.machine.names_in("/sys/class/net"))
    assert "dummy3" not in boot.machine.names_in("/sys/class/net")
    assert boot.machine.parameter("nf_conntrack", "acct") == "Y"


def test_they_are_in_before_sysinit_target(boot: Boot) -> None:
    loads = boot.machine.journal(f"--unit={KMODD_LOAD}", "ACTION=load")
    assert {load.fields["OUTCOME"] for load in loads} == {"done"}
    assert {"dummy", "nf_conntrack"} <= {load.fields["MODULE"] for load in loads}
    reached_us = monotonic_us(boot.machine, "sysinit.target", "ActiveEnter")
    assert all(0 < load.monotonic_us < reached_us for load in loads)
    assert monotonic_us(boot.machine, KMODD_LOAD, "ActiveEnter") < reached_us


def test_sysctl_finds_the_tunables_of_the_modules(boot: Boot) -> None:
    begun_us = monotonic_us(boot.machine, "systemd-sysctl.service", "InactiveExit")
    assert monotonic_us(boot.machine, KMODD_LOAD, "ActiveEnter") <= begun_us
    assert boot.machine.read(CONNTRACK_MAX) == "54321\n"


def test_the_critical_chain_names_the_unit(boot: Boot) -> None:
    chain = boot.machine.run("systemd-analyze", "critical-chain", "sysinit.target").check().stdout
    assert KMODD_LOAD in chain


def test_no_unit_failed(boot: Boot) -> None:
    assert boot.machine.failed_units() == []
    assert boot.machine.systemctl("is-system-running").stdout == "running\n"


@pytest.mark.shows("P1")
def test_the_daemon_takes_over_what_was_loaded_and_does_nothing_again(boot: Boot) -> None:
    assert boot.machine.properties(KMODD, "ActiveState", "SubState") == {
        "ActiveState": "active",
        "SubState": "running",
    }
    assert boot.machine.journal(f"--unit={KMODD}", "ACTION=load") == ()
    rows = [line.split()[:4] for line in boot.machine.kmoddctl("list").check().stdout.splitlines()]
    assert ["dummy", "loaded", "loaded", "in-sync"] in rows
    assert ["nf_conntrack", "loaded", "loaded", "in-sync"] in rows
    assert {row[3] for row in rows[1:]} == {"in-sync"}
