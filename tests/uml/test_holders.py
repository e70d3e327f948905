"""A module that is not to be there, and who keeps it: named, waited for, never forced."""

import signal
from dataclasses import dataclass

import pytest

from tests.support.guest.conditions import module_absent, module_live, module_used
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import Machine

FILE = "40-unloaded.toml"
UNLOADED = '[module.{}]\nstate = "unloaded"\n'


@dataclass(frozen=True)
class Use:
    """``begin`` makes ``module`` used, ``end`` ends it; ``blocker`` is what kmodd says of it."""

    module: str
    begin: tuple[str, ...]
    blocker: str
    end: str


USES = {
    "mount": Use(
        "binfmt_misc",
        ("modprobe binfmt_misc", "mount -t binfmt_misc none /mnt"),
        "the mount on /mnt (binfmt_misc)",
        "umount /mnt",
    ),
    "mount of a device": Use(
        "brd",
        ("modprobe brd rd_nr=1", "mkfs.minix /dev/ram0", "mount -t minix /dev/ram0 /mnt"),
        "the mount on /mnt (minix on /dev/ram0)",
        "umount /mnt",
    ),
    "swap": Use(
        "zram",
        ("modprobe zram", "echo 8M > /sys/block/zram0/disksize", "mkswap /dev/zram0", "swapon /dev/zram0"),
        "swap on /dev/zram0",
        "swapoff /dev/zram0",
    ),
}


def in_use(vm: Machine, module: str, blocker: str) -> Bus:
    """Start kmodd on a file that wants ``module`` out; it says who is in the way, and does nothing."""
    vm.drop(FILE, UNLOADED.format(module))
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition(module, "in-use")
    assert bus.module(module, "Blockers")[0] == blocker
    assert bus.module(module, "Message").startswith(f"in use by {blocker}")
    bus.wait_for_state("degraded")
    assert bus.call("Reconcile") == []
    assert module in vm.modules()
    return bus


def goes_by_itself(vm: Machine, bus: Bus, module: str) -> None:
    """Once nobody uses it, kmodd takes it out."""
    vm.wait_for(module_absent(module))
    bus.wait_for_condition(module, "in-sync")
    bus.wait_for_state("converged")


@pytest.mark.parametrize("kind", USES)
def test_a_holder_in_the_way_that_is_no_module_is_named_and_waited_for(vm: Machine, kind: str) -> None:
    use = USES[kind]
    for command in use.begin:
        vm.run("sh", "-c", command).check()
    bus = in_use(vm, use.module, use.blocker)
    vm.run("sh", "-c", use.end).check()
    goes_by_itself(vm, bus, use.module)


def test_a_holder_in_the_way_that_is_a_process_with_a_device_node_open(vm: Machine) -> None:
    vm.run("modprobe", "ppp_generic").check()
    vm.settle()
    process = vm.spawn("sh", "-c", "exec 3<>/dev/ppp; exec sleep 1000", output="/tmp/process")
    vm.wait_for(module_used("ppp_generic"))
    bus = in_use(vm, "ppp_generic", f"sleep (process {process}), which has /dev/ppp open")
    vm.send_signal(process, signal.SIGKILL)
    goes_by_itself(vm, bus, "ppp_generic")


def test_a_holder_in_the_way_that_is_a_module_nobody_manages(vm: Machine) -> None:
    vm.run("modprobe", "nf_nat_ftp").check()
    bus = in_use(vm, "nf_conntrack_ftp", "nf_nat_ftp")
    assert bus.module("nf_conntrack_ftp", "Holders") == ["nf_nat_ftp"]
    assert "nf_nat_ftp" in vm.modules()
    vm.run("rmmod", "nf_nat_ftp").check()
    goes_by_itself(vm, bus, "nf_conntrack_ftp")
    assert "nf_conntrack" in vm.modules()  # which no file names


def test_a_holder_that_is_to_go_as_well_goes_first(vm: Machine) -> None:
    vm.run("modprobe", "ip_vs_rr").check()
    since = len(vm.module_events())
    vm.drop(FILE, "".join(UNLOADED.format(name) for name in ("ip_vs", "ip_vs_rr", "nf_conntrack")))
    vm.start_daemon()
    Bus(vm).wait_for_state("converged")
    assert [event.module for event in vm.module_events(since)] == ["ip_vs_rr", "ip_vs", "nf_conntrack"]


def test_unloaded_is_not_loaded_by_alias_and_by_name_only_for_a_moment(vm: Machine) -> None:
    """Unlike a denied one it can be loaded by whoever names it, and is taken out again."""
    vm.drop(FILE, UNLOADED.format("f2fs"))
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_state("converged")
    since = len(vm.module_events())
    vm.run("modprobe", "fs-f2fs")
    assert vm.run("mount", "-t", "f2fs", "none", "/mnt").status != 0
    assert [event for event in vm.module_events(since) if event.module == "f2fs"] == []
    vm.run("modprobe", "f2fs").check()
    vm.wait_for(module_absent("f2fs"))
    assert [event.action for event in vm.module_events(since) if event.module == "f2fs"] == ["add", "remove"]
    vm.drop(FILE, "[module.f2fs]\n")
    vm.wait_for(module_live("f2fs"))
