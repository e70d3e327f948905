"""The machine itself: a Debian as its users have it, of which nothing is left afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.debian.machine import DebianMachine
from tests.support.guest.channel import MachineLost
from tests.support.guest.conditions import PathExists, module_live
from tests.support.images import recipe


@pytest.fixture(scope="module")
def machine() -> Iterator[DebianMachine]:
    """A Debian without kmodd."""
    with DebianMachine.boot(recipe.base()) as booted:
        yield booted


@pytest.fixture(scope="module")
def rebooted() -> Iterator[DebianMachine]:
    """A machine in its second boot, on whose disk something was written in the first."""
    with DebianMachine.boot(recipe.base()) as machine:
        machine.write("/etc/kept", "written before\n")
        machine.write("/run/lost", "in memory\n")
        machine.reboot("kmodd.test=second")
        yield machine


def test_systemd_is_up_and_no_unit_failed(debian: DebianMachine) -> None:
    assert debian.failed_units() == []
    assert debian.systemctl("is-system-running").stdout == "running\n"
    assert debian.read("/proc/1/comm") == "systemd\n"


def test_the_bus_is_the_one_that_a_debian_has_by_default(debian: DebianMachine) -> None:
    assert "org.freedesktop.systemd1" in debian.busctl("list", "--no-legend").check().stdout
    assert debian.properties("dbus.service", "Id")["Id"] == "dbus.service"
    assert any(process.name == "dbus-daemon" for process in debian.processes())


def test_a_disk_comes_and_udevd_loads_its_driver(debian: DebianMachine) -> None:
    assert "sd_mod" not in debian.modules()
    debian.plug_scsi()
    debian.wait_for(module_live("sd_mod"))
    debian.unplug_scsi()
    debian.settle()
    debian.wait_for(PathExists("/dev/sda", wanted=False))


def test_an_unprivileged_user_has_no_privilege(debian: DebianMachine) -> None:
    user = debian.as_user("alice")
    assert user.run("id", "--user", "--name").check().stdout == "alice\n"
    assert user.run("modprobe", "dummy").status != 0
    assert user.busctl("list").status == 0


def test_the_journal_is_read_with_its_fields(debian: DebianMachine) -> None:
    debian.run("systemd-cat", "--identifier=kmodd-test", "echo", "héllo").check()
    entry = debian.journal("--identifier=kmodd-test")[-1]
    assert (entry.message, entry.fields["PRIORITY"]) == ("héllo", "6")
    assert 0 < entry.monotonic_us / 1e6 <= debian.clock_s()


def test_what_is_written_inside_does_not_reach_the_disk_that_all_share(debian: DebianMachine) -> None:
    debian.write("/etc/inside", "x" * 5000)
    debian.run("sync").check()
    with DebianMachine.boot(recipe.base()) as other:
        assert "inside" not in other.names_in("/etc")
    assert "inside" in debian.names_in("/etc")


def test_a_reboot_keeps_the_disk_and_nothing_else(rebooted: DebianMachine) -> None:
    assert rebooted.read("/etc/kept") == "written before\n"
    assert "lost" not in rebooted.names_in("/run")
    assert "kmodd.test=second" in rebooted.read("/proc/cmdline")
    assert rebooted.failed_units() == []


def test_a_panic_is_an_error_that_shows_the_console() -> None:
    with (
        pytest.raises(MachineLost, match=r"sysrq triggered crash|Kernel panic"),
        DebianMachine.boot(recipe.base()) as doomed,
    ):
        doomed.write("/proc/sysrq-trigger", "c", atomic=False)


def test_a_machine_that_does_not_come_up_is_an_error_that_shows_the_console() -> None:
    with (
        pytest.raises(MachineLost, match=r"No working init found|Requested init .* failed"),
        DebianMachine.boot(recipe.base(), command_line=("init=/nonexistent",)),
    ):
        pass


def test_nothing_is_mounted_on_the_host() -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    assert str(recipe.base().directory.parent) not in mounts
    assert "kmodd-debian-" not in mounts
