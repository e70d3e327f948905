"""The generated file of modprobe.d: there when there is something to say, untouched when nothing changed."""

import pytest

from tests.support.guest.conditions import FileHolds, PathExists
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import Machine

FILE = "40-denied.toml"
OURS = "/etc/modprobe.d/00-kmodd.conf"
LAST = "/etc/modprobe.d/zz-kmodd.conf"
F2FS = '[module.f2fs]\nstate = "denied"\n'
DENIAL = "blacklist f2fs\ninstall f2fs /bin/false\nsoftdep f2fs pre:\n"


def identity(vm: Machine, path: str = OURS) -> str:
    """Inode and permissions; another inode means that it was written anew."""
    return vm.run("stat", "--format=%i %a %U:%G", path).check().stdout


@pytest.fixture
def bus(vm: Machine) -> Bus:
    """kmodd, with f2fs denied."""
    vm.drop(FILE, F2FS)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("f2fs", "denied")
    return bus


def test_generated_file_is_0644_and_not_rewritten_when_nothing_changed(vm: Machine, bus: Bus) -> None:
    before = identity(vm)
    assert before.split()[1:] == ["644", "root:root"]
    vm.drop("50-more.toml", "[module.ifb]\n")
    bus.wait_for_condition("ifb", "in-sync")
    vm.write("/etc/modprobe.d/others.conf", "options veth queues=2\n")
    bus.call("Reload")
    bus.call("Reconcile")
    vm.reload_daemon()
    assert vm.stop_daemon() == 0
    vm.start_daemon()
    bus.wait_for_condition("f2fs", "denied")
    assert identity(vm) == before
    vm.drop("50-more.toml", "[module.ifb]\nparameters.numifbs = 2\n")
    vm.wait_for(FileHolds(OURS, "^options ifb numifbs=2$"))
    assert identity(vm) != before


def test_generated_file_is_removed_when_there_is_nothing_to_say(vm: Machine, bus: Bus) -> None:
    vm.drop(FILE, "[module.ifb]\n")
    vm.wait_for(PathExists(OURS, wanted=False))
    bus.wait_until_converged()
    assert vm.names_in("/etc/modprobe.d") == ()


def test_generated_file_is_removed_with_the_last_file(vm: Machine, bus: Bus) -> None:
    vm.remove_file(FILE)
    vm.wait_for(PathExists(OURS, wanted=False))
    assert vm.run("modprobe", "f2fs").status == 0


def test_generated_file_is_restored_when_somebody_deletes_it(vm: Machine, bus: Bus) -> None:
    text = vm.read(OURS)
    vm.remove(OURS)
    vm.wait_for(PathExists(OURS))
    bus.wait_for_condition("f2fs", "denied")
    assert vm.read(OURS) == text


@pytest.mark.parametrize("atomic", [True, False])
def test_generated_file_is_restored_when_somebody_edits_it(vm: Machine, bus: Bus, atomic: bool) -> None:
    text = vm.read(OURS)
    vm.write(OURS, text.replace("install f2fs /bin/false\n", ""), atomic=atomic)
    vm.wait_for(FileHolds(OURS, "^install f2fs /bin/false$"))
    bus.wait_for_condition("f2fs", "denied")
    assert vm.read(OURS) == text


def test_generated_file_that_somebody_has_made_his_own_is_left_alone_and_said(vm: Machine, bus: Bus) -> None:
    vm.write(OURS, "options ifb numifbs=3\n")
    bus.wait_for_state("degraded")
    assert vm.read(OURS) == "options ifb numifbs=3\n"
    bus.wait_for_condition("f2fs", "unverifiable")
    assert OURS in bus.module("f2fs", "Message")
    vm.remove(OURS)
    vm.wait_for(FileHolds(OURS, "^install f2fs /bin/false$"))
    bus.wait_for_state("converged")


def test_generated_file_says_last_what_others_say_otherwise(vm: Machine, bus: Bus) -> None:
    vm.write("/etc/modprobe.d/others.conf", "options brd rd_nr=7\n")
    vm.drop("50-more.toml", '[module.brd]\nstate = "auto"\nparameters.rd_nr = 2\n')
    vm.wait_for(PathExists(LAST))
    vm.run("modprobe", "brd").check()
    assert [name for name in vm.names_in("/sys/block") if name.startswith("ram")] == ["ram0", "ram1"]
    vm.remove("/etc/modprobe.d/others.conf")
    vm.wait_for(PathExists(LAST, wanted=False))
    assert vm.read(OURS).splitlines()[1:] == ["options brd rd_nr=2", *DENIAL.splitlines()]


def test_generated_file_goes_where_the_setting_says(vm: Machine, bus: Bus) -> None:
    vm.drop("kmodd.toml", 'modprobe_file = "/etc/modprobe.d/01-elsewhere.conf"\n', directory="/etc/kmodd")
    vm.wait_for(FileHolds("/etc/modprobe.d/01-elsewhere.conf", "^install f2fs /bin/false$"))
    vm.wait_for(PathExists(OURS, wanted=False))
    bus.wait_for_condition("f2fs", "denied")
