"""The package in the life of a machine: upgrade, downgrade, removal, return, purge (shown 7)."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from deb.build import built_package

from tests.support.debian.machine import DebianMachine
from tests.support.debian.systemd import KMODD, KMODD_LOAD
from tests.support.guest.conditions import bus_name_owned
from tests.support.guest.daemon_bus import Bus
from tests.support.guest.report import MACHINE
from tests.support.images import recipe

DROP_IN = "[module.dummy]\nparameters.numdummies = 3\n"
SETTINGS = "/etc/kmodd/kmodd.toml"
MINE = 'resync_interval = "7min"\n'
GENERATED = {"00-kmodd.conf", "zz-kmodd.conf"}
KEEP_MINE = ("-o", "Dpkg::Options::=--force-confdef")
LATER = "99"
NOT_LEFT_BEHIND = (
    "/etc/kmodd.d",
    "/etc/systemd/system/kmodd-test-agent@",
    "/usr/lib/kmodd-test-agent",
    "/usr/lib/modules/",
)
"""What a person declared, and what belongs to the tests (tests/modules)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How things stood after a step."""

    version: str
    main_pid: str
    enabled: tuple[str, ...]
    condition: str
    """Of dummy, which is declared; its parameter has no file, so that only what is remembered tells of it."""
    instance: str
    """Another after every load of dummy."""
    settings: str
    generated: frozenset[str]
    failed_units: tuple[str, ...]
    processes: tuple[str, ...]
    left_behind: tuple[str, ...]
    """Files with kmodd in their name, but for the drop-in's directory and what is the tests' own."""


Life = Mapping[str, Seen]


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same tree as a later version, with other settings in its conffile."""
    tree = tmp_path_factory.mktemp("later") / "tree"
    package = tree.with_name(f"kmodd_{LATER}_all.deb")
    built = built_package(LATER, suite=recipe.SUITE)
    subprocess.run(["dpkg-deb", "--raw-extract", str(built), str(tree)], check=True)
    with open(f"{tree}{SETTINGS}", "a") as settings:
        settings.write("# of a later version\n")
    build = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(package)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    return package


@pytest.fixture(scope="module")
def life(machine: DebianMachine, package: Path, later: Path) -> Life:
    """All of it once, one step after the other, on a machine where dummy is declared and loaded."""
    machine.drop("10-dummy.toml", DROP_IN)
    Bus(machine).wait_for_condition("dummy", "in-sync")
    seen = {"installed": look(machine)}
    machine.install(later)
    seen["upgraded"] = look(machine)
    machine.write(SETTINGS, machine.read(SETTINGS) + MINE)
    machine.install(package, "--allow-downgrades", *KEEP_MINE)
    seen["downgraded"] = look(machine)
    machine.systemctl("disable", "--now", KMODD).check()
    machine.install(later, *KEEP_MINE)
    seen["upgraded while disabled"] = look(machine)
    machine.systemctl("enable", "--now", KMODD).check()
    machine.apt_get("remove", "kmodd")
    seen["removed"] = look(machine)
    machine.install(package, *KEEP_MINE)
    seen["back again"] = look(machine)
    machine.apt_get("purge", "kmodd")
    seen["purged"] = look(machine)
    return seen


@pytest.fixture(autouse=True)
def _shown(machine: DebianMachine, request: pytest.FixtureRequest) -> None:
    """The machine's console and journal, when a test fails."""
    request.node.stash[MACHINE] = machine


def look(vm: DebianMachine) -> Seen:
    """What is there, and dummy's condition when it is settled."""
    running = vm.systemctl("is-active", KMODD).status == 0
    if running:
        Bus(vm).wait_until_converged()
    found = vm.run("find", "/", "-xdev", "-name", "*kmodd*", "-not", "-name", "kmodd_*.deb").check().stdout
    return Seen(
        version=vm.run("dpkg-query", "--show", "--showformat=${Version}", "kmodd").stdout,
        main_pid=vm.properties(KMODD, "MainPID")["MainPID"],
        enabled=tuple(vm.systemctl("is-enabled", KMODD, KMODD_LOAD).stdout.split()),
        condition=Bus(vm).module("dummy", "Condition") if running else "",
        instance=vm.run("stat", "--format=%i", "/sys/module/dummy").check().stdout,
        settings=vm.read(SETTINGS) if vm.names_in("/etc/kmodd") else "",
        generated=frozenset(vm.names_in("/etc/modprobe.d")) & GENERATED,
        failed_units=tuple(vm.failed_units()),
        processes=tuple(process.name for process in vm.processes() if process.has_argument("/kmodd")),
        left_behind=tuple(path for path in found.splitlines() if not path.startswith(NOT_LEFT_BEHIND)),
    )


def test_an_upgrade_is_one_restart_of_a_daemon_that_remembers_everything(life: Life) -> None:
    before, after = life["installed"], life["upgraded"]
    assert (after.version, after.condition) == (LATER, "in-sync")
    assert after.main_pid not in {before.main_pid, "0"}
    assert after.enabled == ("enabled", "enabled")


def test_so_is_a_downgrade(life: Life) -> None:
    before, after = life["upgraded"], life["downgraded"]
    assert (after.version, after.condition) == (life["installed"].version, "in-sync")
    assert after.main_pid not in {before.main_pid, "0"}


def test_a_daemon_that_was_disabled_stays_so(life: Life) -> None:
    after = life["upgraded while disabled"]
    assert (after.version, after.main_pid, after.enabled) == (LATER, "0", ("disabled", "enabled"))


def test_nothing_of_all_that_touches_the_module(life: Life, machine: DebianMachine) -> None:
    assert len({seen.instance for seen in life.values()}) == 1
    events = [event.action for event in machine.module_events() if event.module == "dummy"]
    assert events == ["add"]


def test_no_step_makes_a_unit_fail(life: Life) -> None:
    assert {step: seen.failed_units for step, seen in life.items() if seen.failed_units} == {}


def test_settings_are_the_packages_until_somebody_changes_them(life: Life) -> None:
    assert life["upgraded"].settings.endswith("# of a later version\n")
    mine = life["upgraded"].settings + MINE
    for step in ("downgraded", "upgraded while disabled", "removed", "back again"):
        assert life[step].settings == mine, step


def test_removal_takes_away_what_would_act_without_the_daemon(life: Life) -> None:
    assert life["upgraded"].generated
    after = life["removed"]
    assert (after.processes, after.generated, after.main_pid) == ((), frozenset(), "0")
    assert not [path for path in after.left_behind if path.startswith("/usr/")]


def test_removal_keeps_settings_and_memory(life: Life) -> None:
    assert {"/etc/kmodd", "/var/lib/kmodd"} <= set(life["removed"].left_behind)
    after = life["back again"]
    assert (after.condition, after.enabled) == ("in-sync", ("enabled", "enabled"))


def test_purge_leaves_only_what_the_administrator_wrote(life: Life, machine: DebianMachine) -> None:
    assert life["purged"].left_behind == ()
    assert machine.names_in("/etc/kmodd.d") == ("10-dummy.toml",)
    assert machine.read("/etc/kmodd.d/10-dummy.toml") == DROP_IN
    assert not machine.holds_within(bus_name_owned(), 0)
