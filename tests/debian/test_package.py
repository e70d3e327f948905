"""The package in the life of a machine: upgrade, downgrade, removal, purge (shown 7)."""

import shutil
import subprocess
from pathlib import Path

import pytest
from deb.build import built_package

from tests.support.debian.machine import DebianMachine
from tests.support.debian.systemd import KMODD, KMODD_LOAD
from tests.support.guest.conditions import bus_name_owned
from tests.support.guest.daemon_bus import Bus
from tests.support.images import recipe

FILE = "[module.dummy]\nparameters.numdummies = 3\n"
SETTINGS = "/etc/kmodd/kmodd.toml"
GENERATED = {"00-kmodd.conf", "zz-kmodd.conf"}
KEEP_MINE = ("-o", "Dpkg::Options::=--force-confdef")


@pytest.fixture(scope="session")
def newer() -> Path:
    """The same tree as a later version."""
    return built_package("99", suite=recipe.SUITE)


@pytest.fixture(scope="session")
def changed(newer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A later version with other settings in its conffile."""
    tree = tmp_path_factory.mktemp("changed") / "tree"
    package = tree.with_name("kmodd_99.1_all.deb")
    subprocess.run(["dpkg-deb", "--raw-extract", str(newer), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("Version: 99\n", "Version: 99.1\n"))
    with open(f"{tree}{SETTINGS}", "a") as settings:
        settings.write("# of a later version\n")
    build = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(package)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return package


@pytest.fixture
def vm(debian: DebianMachine, package: Path) -> DebianMachine:
    """The package of this tree is installed anew, and dummy is declared and loaded."""
    debian.apt_get("purge", "kmodd")
    debian.install(package)
    debian.start_afresh()
    debian.drop("10-dummy.toml", FILE)
    Bus(debian).wait_for_condition("dummy", "in-sync")
    return debian


def instance(vm: DebianMachine, module: str) -> str:
    """Something that is another after every load of the module."""
    return vm.run("stat", "--format=%i", f"/sys/module/{module}").check().stdout


def version(vm: DebianMachine) -> str:
    """What dpkg says is installed."""
    return vm.run("dpkg-query", "--show", "--showformat=${Version}", "kmodd").check().stdout


def test_an_upgrade_restarts_the_daemon_and_unloads_nothing(vm: DebianMachine, newer: Path) -> None:
    before, pid = instance(vm, "dummy"), vm.properties(KMODD, "MainPID")
    seen = len(vm.module_events())
    vm.install(newer)
    assert version(vm) == "99"
    assert vm.properties(KMODD, "MainPID") != pid
    Bus(vm).wait_for_condition("dummy", "in-sync")
    assert [event for event in vm.module_events(seen) if event.module == "dummy"] == []
    assert instance(vm, "dummy") == before
    assert vm.failed_units() == []


def test_a_downgrade_does_so_too(vm: DebianMachine, newer: Path, package: Path) -> None:
    vm.install(newer)
    before, seen = instance(vm, "dummy"), len(vm.module_events())
    vm.install(package, "--allow-downgrades")
    assert version(vm) != "99"
    Bus(vm).wait_for_condition("dummy", "in-sync")
    assert [event for event in vm.module_events(seen) if event.module == "dummy"] == []
    assert instance(vm, "dummy") == before
    assert vm.failed_units() == []


def test_an_upgrade_of_a_stopped_daemon_leaves_it_stopped_and_enabled(vm: DebianMachine, newer: Path) -> None:
    vm.systemctl("disable", "--now", KMODD).check()
    vm.install(newer)
    assert vm.systemctl("is-enabled", KMODD).stdout == "disabled\n"
    assert vm.systemctl("is-enabled", KMODD_LOAD).stdout == "enabled\n"
    vm.systemctl("enable", "--now", KMODD).check()


def test_settings_of_the_administrator_survive_an_upgrade(vm: DebianMachine, changed: Path) -> None:
    mine = vm.read(SETTINGS) + 'resync_interval = "7min"\n'
    vm.write(SETTINGS, mine)
    vm.install(changed, *KEEP_MINE)
    assert vm.read(SETTINGS) == mine
    assert vm.read(f"{SETTINGS}.dpkg-dist").endswith("# of a later version\n")
    assert vm.read("/etc/kmodd.d/10-dummy.toml") == FILE


def test_settings_that_nobody_touched_are_replaced(vm: DebianMachine, changed: Path) -> None:
    vm.install(changed)
    assert vm.read(SETTINGS).endswith("# of a later version\n")


def test_removal_stops_the_daemon_and_leaves_modules_and_configuration(vm: DebianMachine) -> None:
    before, seen = instance(vm, "dummy"), len(vm.module_events())
    assert set(vm.names_in("/etc/modprobe.d")) & GENERATED
    vm.apt_get("remove", "kmodd")
    assert not [process for process in vm.processes() if process.has_argument("/kmodd")]
    assert vm.systemctl("list-unit-files", "--no-legend", "kmodd*.service").stdout.split()[:1] != [KMODD]
    assert not vm.holds_within(bus_name_owned(), 0)
    assert instance(vm, "dummy") == before
    assert [event for event in vm.module_events(seen) if event.module == "dummy"] == []
    assert set(vm.names_in("/etc/modprobe.d")).isdisjoint(GENERATED)
    assert "kmodd.toml" in vm.names_in("/etc/kmodd")
    assert vm.read("/etc/kmodd.d/10-dummy.toml") == FILE
    assert vm.failed_units() == []


def test_what_was_removed_and_comes_back_finds_everything_as_it_was(vm: DebianMachine, package: Path) -> None:
    before = instance(vm, "dummy")
    vm.apt_get("remove", "kmodd")
    vm.install(package)
    Bus(vm).wait_for_condition("dummy", "in-sync")
    assert instance(vm, "dummy") == before
    assert vm.systemctl("is-enabled", KMODD, KMODD_LOAD).stdout == "enabled\nenabled\n"


def test_purge_leaves_only_what_the_administrator_wrote(vm: DebianMachine) -> None:
    before = instance(vm, "dummy")
    vm.apt_get("purge", "kmodd")
    found = vm.run("find", "/", "-xdev", "-name", "*kmodd*", "-not", "-name", "kmodd_*.deb").check().stdout
    left = [path for path in found.splitlines() if "kmodd-test-agent" not in path]
    assert left == ["/etc/kmodd.d"]
    assert vm.names_in("/etc/kmodd.d") == ("10-dummy.toml",)
    assert instance(vm, "dummy") == before
    assert vm.failed_units() == []
