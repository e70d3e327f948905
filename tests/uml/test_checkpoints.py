"""Checkpoints with busctl on a real kernel: rolled back by time, by a call, after a kill; committed."""

import pytest

from tests.support.guest.conditions import BUS_NAME, FileHolds, PathExists, module_live, parameter_is
from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, Bus
from tests.support.uml.machine import DAEMON_LOG, Machine

FTP = "nf_conntrack_ftp"
DELAY_9 = ("scsi_debug", "1", "parameters", "a{sv}", "1", "delay", "i", "9")
ROLLED_BACK = "^kmodd: warning: checkpoint [0-9a-f]+ was rolled back: everything that kmodd did is taken back"


def gone(module: str) -> PathExists:
    """A module is not in the kernel any more."""
    return PathExists(f"/sys/module/{module}", wanted=False)


def refusal(vm: Machine, member: str, *arguments: str) -> str:
    """What busctl says of a call that fails."""
    answer = vm.busctl("call", BUS_NAME, MANAGER_PATH, MANAGER, member, *arguments)
    assert answer.status == 1
    return answer.stderr


def prepared(vm: Machine) -> Bus:
    """Two modules that others have loaded, with values of their own; kmodd runs and manages nothing."""
    vm.run("modprobe", "scsi_debug", "delay=5", "add_host=0").check()
    vm.run("modprobe", FTP, "ports=2121", "loose=1").check()
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_until_converged()
    return bus


def change_everything(vm: Machine, bus: Bus) -> None:
    """A parameter, a module taken out, a module loaded by a file; pausing in the end."""
    bus.call("SetOverride", "sa{sv}", *DELAY_9)
    bus.call("SetOverride", "sa{sv}", FTP, "1", "state", "s", "denied")
    vm.drop("50-dummy.toml", "[module.dummy]\nparameters.numdummies = 2\n")
    vm.wait_for(PathExists("/sys/class/net/dummy1"))
    vm.wait_for(parameter_is("scsi_debug", "delay", "9"))
    vm.wait_for(gone(FTP))
    bus.wait_for_condition("dummy", "in-sync")


def assert_as_before(vm: Machine) -> None:
    """The kernel, and what everybody else is told."""
    vm.wait_for(gone("dummy"))
    vm.wait_for(module_live(FTP))
    vm.wait_for(parameter_is(FTP, "ports", "2121"))
    vm.wait_for(parameter_is("scsi_debug", "delay", "5"))
    assert (vm.parameter(FTP, "loose"), vm.parameter("scsi_debug", "add_host")) == ("Y", "0")
    assert not any(name.startswith("zz-override") for name in vm.names_in("/run/kmodd.d"))
    assert "00-kmodd.conf" not in vm.names_in("/etc/modprobe.d")


def test_rolled_back_by_a_call(vm: Machine) -> None:
    bus = prepared(vm)
    instance = vm.run("stat", "--format=%i", "/sys/module/scsi_debug").check().stdout
    checkpoint = bus.call("CreateCheckpoint", "u", "600")
    change_everything(vm, bus)
    bus.call("Pause")
    bus.call("Rollback", "s", checkpoint)
    assert_as_before(vm)
    assert vm.run("stat", "--format=%i", "/sys/module/scsi_debug").check().stdout == instance
    assert (bus.manager("Paused"), bus.manager("State")) == (False, "degraded")
    assert bus.manager("ConfigIssues")[-1][3].startswith(
        "a rollback keeps what the files say from being in force"
    )
    assert "there is no checkpoint" in refusal(vm, "Commit", "s", checkpoint)
    vm.remove_file("50-dummy.toml")
    bus.wait_for_state("converged")


def test_rolled_back_by_time(vm: Machine) -> None:
    bus = prepared(vm)
    bus.call("CreateCheckpoint", "u", "5")
    bus.call("SetOverride", "sa{sv}", *DELAY_9)
    bus.call("SetOverride", "sa{sv}", FTP, "1", "state", "s", "denied")
    vm.wait_for(FileHolds(DAEMON_LOG, ROLLED_BACK))
    assert "write scsi_debug: done (delay is '5', wanted '9')" in vm.log()
    assert f"unload {FTP}: done" in vm.log()
    assert_as_before(vm)
    bus.wait_for_state("converged")


def test_rolled_back_after_a_kill_long_before_its_time(vm: Machine) -> None:
    bus = prepared(vm)
    bus.call("CreateCheckpoint", "u", "86400")
    change_everything(vm, bus)
    vm.kill()
    vm.wait_for_end()
    vm.start_daemon()
    vm.wait_for(FileHolds(DAEMON_LOG, ROLLED_BACK))
    assert_as_before(vm)
    bus.wait_for_state("degraded")
    vm.stop_daemon()
    vm.start_daemon()
    assert "dummy" not in vm.modules()  # what is held is held across restarts
    bus.call("Reload")
    vm.wait_for(module_live("dummy"))
    bus.wait_for_state("converged")


def test_a_restart_in_good_order_is_no_death_and_what_is_committed_stays(vm: Machine) -> None:
    bus = prepared(vm)
    checkpoint = bus.call("CreateCheckpoint", "u", "86400")
    change_everything(vm, bus)
    assert "there is a checkpoint already" in refusal(vm, "CreateCheckpoint", "u", "60")
    assert vm.stop_daemon() == 0
    vm.start_daemon()
    bus.call("Commit", "s", checkpoint)
    vm.kill()
    vm.wait_for_end()
    vm.start_daemon()
    bus.wait_until_converged()
    assert "dummy" in vm.modules()
    assert FTP not in vm.modules()
    assert vm.parameter("scsi_debug", "delay") == "9"
    assert "rolled back:" not in vm.log()


def test_what_is_in_use_is_left_and_told(vm: Machine) -> None:
    bus = prepared(vm)
    checkpoint = bus.call("CreateCheckpoint", "u", "600")
    change_everything(vm, bus)
    vm.run("ip", "link", "set", "dummy0", "up").check()
    said = refusal(vm, "Rollback", "s", checkpoint)
    assert "a rollback could not take everything back: dummy: it is in use by " in said
    assert "dummy0" in said
    assert "dummy" in vm.modules()
    vm.wait_for(module_live(FTP))
    assert vm.parameter("scsi_debug", "delay") == "5"


@pytest.mark.shows("fault: full disk")
def test_without_room_for_it_there_is_no_checkpoint(vm: Machine) -> None:
    bus = prepared(vm)
    vm.run("mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/run/kmodd").check()
    vm.run("sh", "-c", "head -c 100000 /dev/zero > /run/kmodd/full")
    assert "No space left" in refusal(vm, "CreateCheckpoint", "u", "60")
    vm.run("umount", "/run/kmodd").check()
    bus.call("Commit", "s", bus.call("CreateCheckpoint", "u", "60"))
