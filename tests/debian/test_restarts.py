"""udevd, the bus, polkitd and kmodd itself restart while devices come and go (shown 7)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.debian.machine import DebianMachine
from tests.support.debian.systemd import KMODD, KMODD_LOAD
from tests.support.guest.conditions import BUS_NAME, module_absent, module_live
from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, Bus
from tests.support.guest.report import MACHINE
from tests.support.images import recipe

FOLLOWS_A_DISK = """\
[module.dm_multipath]
when.device = { subsystem = "scsi", properties = { MODALIAS = "scsi:t-0x00*" } }
when_gone = "unload"
"""
HOSTS = "/sys/bus/pseudo/drivers/scsi_debug/add_host"
COMING_AND_GOING = f"for round in 1 2 3 4 5 6; do echo 1 > {HOSTS}; echo -1 > {HOSTS}; done"
BUSES = {"dbus-daemon": (), "dbus-broker": ("enable", "--force", "dbus-broker.service")}
NO_BUS = ("systemd.mask=dbus.socket", "systemd.mask=dbus.service")


@pytest.fixture(scope="module", params=BUSES)
def machine(package: Path, request: pytest.FixtureRequest) -> Iterator[DebianMachine]:
    """A Debian with kmodd installed and one of its two buses."""
    with DebianMachine.boot(recipe.installed(package)) as booted:
        if BUSES[request.param]:
            booted.systemctl(*BUSES[request.param]).check()
            booted.reboot()
        assert [process for process in booted.processes() if process.name == request.param]
        yield booted


@pytest.fixture(scope="module")
def busless(package: Path) -> Iterator[DebianMachine]:
    """A Debian with kmodd installed, a module declared, and no bus at all."""
    with DebianMachine.boot(recipe.installed(package)) as booted:
        booted.drop("10-dummy.toml", "[module.dummy]\nparameters.numdummies = 3\n")
        booted.reboot(*NO_BUS)
        yield booted


@contextmanager
def devices_coming_and_going(vm: DebianMachine) -> Iterator[None]:
    """Disks are plugged in and pulled out all the time; at the end none is there."""
    vm.run("modprobe", "scsi_debug", "add_host=0").check()
    storm = vm.start("sh", "-e", "-c", COMING_AND_GOING, timeout_s=120)
    try:
        yield
    finally:
        done = storm.finish()
        vm.settle()
    done.check()


def assert_follows_the_disk(vm: DebianMachine) -> None:
    """A disk brings its module in, and takes it along."""
    vm.plug_scsi()
    vm.wait_for(module_live("dm_multipath"))
    vm.unplug_scsi()
    vm.wait_for(module_absent("dm_multipath"))


@pytest.mark.shows("P6")
@pytest.mark.parametrize("unit", ["systemd-udevd.service", "dbus.service", "polkit.service", KMODD])
def test_nothing_is_missed_when_a_service_restarts(vm: DebianMachine, unit: str) -> None:
    vm.drop("10-disk.toml", FOLLOWS_A_DISK)
    vm.systemctl("reload", KMODD).check()
    pid = vm.properties(KMODD, "MainPID")
    with devices_coming_and_going(vm):
        vm.systemctl("restart", unit).check()
    assert_follows_the_disk(vm)
    Bus(vm).wait_until_converged()
    assert (vm.properties(KMODD, "MainPID") == pid) == (unit != KMODD)
    assert vm.properties(KMODD, "ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "0"}


def test_a_killed_daemon_comes_back_and_forgets_nothing(vm: DebianMachine) -> None:
    vm.drop("10-modules.toml", FOLLOWS_A_DISK + "[module.dummy]\nparameters.numdummies = 3\n")
    Bus(vm).wait_for_condition("dummy", "in-sync")
    with devices_coming_and_going(vm):
        vm.systemctl("kill", "--kill-whom=main", "--signal=KILL", KMODD).check()
    assert_follows_the_disk(vm)
    Bus(vm).wait_for_condition("dummy", "in-sync")
    assert vm.properties(KMODD, "ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "1"}


def test_the_bus_that_went_away_is_found_again(vm: DebianMachine) -> None:
    vm.drop("10-disk.toml", FOLLOWS_A_DISK)
    vm.systemctl("stop", "dbus.socket", "dbus.service").check()
    with devices_coming_and_going(vm):
        pass
    assert_follows_the_disk(vm)
    vm.systemctl("start", "dbus.socket").check()
    Bus(vm).wait_until_converged()


def test_the_bus_tells_root_from_others(vm: DebianMachine) -> None:
    reconcile = ("call", BUS_NAME, MANAGER_PATH, MANAGER, "Reconcile")
    for _ in range(2):  # a bus that dislikes what the first one makes kmodd ask would have closed the line
        vm.busctl(*reconcile).check()
        assert "is for root" in vm.as_user("alice").busctl(*reconcile).stderr


def test_a_call_starts_a_daemon_that_was_stopped(vm: DebianMachine) -> None:
    vm.systemctl("stop", KMODD).check()
    assert Bus(vm).call("Reload") == 1
    assert vm.properties(KMODD, "ActiveState") == {"ActiveState": "active"}


def test_nobody_starts_a_daemon_that_was_disabled(vm: DebianMachine) -> None:
    vm.systemctl("disable", "--now", KMODD).check()
    try:
        assert vm.as_user("alice").busctl("call", BUS_NAME, MANAGER_PATH, MANAGER, "ListModules").status != 0
        assert vm.properties(KMODD, "ActiveState") == {"ActiveState": "inactive"}
    finally:
        vm.systemctl("enable", "--now", KMODD).check()


@pytest.mark.shows("fault: no bus")
def test_without_a_bus_everything_works_but_the_bus(
    busless: DebianMachine, request: pytest.FixtureRequest
) -> None:
    request.node.stash[MACHINE] = busless
    assert not [process for process in busless.processes() if process.name.startswith("dbus")]
    assert busless.properties(KMODD, "ActiveState", "StatusText") == {
        "ActiveState": "active",
        "StatusText": "converged: 1 in-sync",
    }
    assert busless.properties(KMODD_LOAD, "ActiveState", "Result") == {
        "ActiveState": "active",
        "Result": "success",
    }
    assert {"dummy0", "dummy1", "dummy2"} <= set(busless.names_in("/sys/class/net"))
    busless.drop("20-disk.toml", FOLLOWS_A_DISK)
    busless.systemctl("reload", KMODD).check()
    assert_follows_the_disk(busless)
    answer = busless.kmoddctl("status")
    assert (answer.status, answer.stdout) != (0, "")
    assert "Traceback" not in answer.stderr
    assert not set(busless.failed_units()) & {KMODD, KMODD_LOAD}  # logind cannot be without a bus
