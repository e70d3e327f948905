"""A denied module that is in the kernel all the same: put there by root, before kmodd, held, or built in."""

import pytest

from tests.support.guest.conditions import FileHolds, PathExists, module_absent, module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import DAEMON_LOG, Machine

FILE = "40-denied.toml"
F2FS = '[module.f2fs]\nstate = "denied"\n'


def test_insmod_by_root_is_reported_and_taken_out(vm: Machine) -> None:
    vm.drop(FILE, F2FS)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("f2fs", "denied")
    since = len(vm.module_events())
    vm.insert("f2fs")
    vm.wait_for(FileHolds(DAEMON_LOG, r"unload f2fs: done \(declared denied\)"))
    assert [event.action for event in vm.module_events(since)] == ["add", "remove"]
    bus.wait_for_condition("f2fs", "denied")


def test_insmod_by_root_again_and_again_is_answered_ever_more_slowly(vm: Machine) -> None:
    """From the second time on kmodd waits before it answers, and says how often it has."""
    vm.drop(FILE, F2FS)
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("f2fs", "denied")
    since = len(vm.module_events())
    for _ in range(6):
        vm.insert("f2fs")
        vm.wait_for(module_absent("f2fs"))
    vm.insert("f2fs")
    bus.wait_for_message("f2fs", "taken out 6 times, and undone each time")
    assert bus.module("f2fs", "Condition") == "denied-but-loaded"
    bus.wait_for_state("degraded")
    vm.wait_for(module_absent("f2fs"))
    bus.wait_for_condition("f2fs", "denied")
    times_s = [event.time_s for event in vm.module_events(since)]
    stays = [f"{out_s - in_s:.1f}" for in_s, out_s in zip(times_s[::2], times_s[1::2], strict=True)]
    print(f"f2fs stayed in for {', '.join(stays)} s")


def test_denied_and_loaded_before_kmodd_starts_is_taken_out(vm: Machine) -> None:
    vm.run("modprobe", "--all", "f2fs", "nfsd").check()
    vm.drop(FILE, F2FS + '[module.nfsd]\nstate = "denied"\n')
    vm.start_daemon()
    for module in ("f2fs", "nfsd"):
        vm.wait_for(module_absent(module))
        Bus(vm).wait_for_condition(module, "denied")
    assert "sunrpc" in vm.modules()  # which nobody denies


def test_denied_but_loaded_names_the_holder_that_is_not_managed(vm: Machine) -> None:
    vm.run("modprobe", "ip_vs_rr").check()
    vm.drop(FILE, '[module.ip_vs]\nstate = "denied"\n')
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("ip_vs", "denied-but-loaded")
    assert bus.module("ip_vs", "Holders") == ["ip_vs_rr"]
    assert bus.module("ip_vs", "Blockers")[0] == "ip_vs_rr"
    assert bus.module("ip_vs", "Message").startswith("in use by ip_vs_rr")
    assert {"ip_vs", "ip_vs_rr"} <= vm.modules().keys()
    vm.run("rmmod", "ip_vs_rr").check()
    vm.wait_for(module_absent("ip_vs"))
    bus.wait_for_condition("ip_vs", "denied")
    assert vm.run("modprobe", "ip_vs_rr").status != 0


def test_denied_but_loaded_names_the_mount_and_ends_with_it(vm: Machine) -> None:
    vm.run("mount", "-t", "nfsd", "none", "/mnt").check()
    vm.drop(FILE, '[module.nfsd]\nstate = "denied"\n')
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("nfsd", "denied-but-loaded")
    assert any("/mnt" in blocker for blocker in bus.module("nfsd", "Blockers"))
    vm.run("umount", "/mnt").check()
    vm.wait_for(module_absent("nfsd"))
    bus.wait_for_condition("nfsd", "denied")


@pytest.mark.parametrize("module", ["xfs", "hid_generic"])
def test_denied_builtin_names_initcall_blacklist(vm: Machine, module: str) -> None:
    vm.drop(FILE, f'[module.{module}]\nstate = "denied"\n')
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition(module, "denied-builtin")
    assert bus.module(module, "State") == "builtin"
    assert "initcall_blacklist=" in bus.module(module, "Message")
    bus.wait_for_state("degraded")


def test_denied_module_that_this_kernel_does_not_have(vm: Machine) -> None:
    vm.drop(FILE, '[module.usb_storage]\nstate = "denied"\n')
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("usb_storage", "denied")
    assert bus.module("usb_storage", "State") == "missing"
    assert bus.module("usb_storage", "Message").startswith("this kernel has no such module")
    (issue,) = bus.manager("ConfigIssues")
    assert issue[0] == "/etc/kmodd.d/40-denied.toml"
    assert "this kernel has no module usb_storage" in issue[3]
    vm.write("/etc/modprobe.d/!early.conf", "install usb_storage /sbin/modprobe ifb\n")
    bus.wait_for_condition("usb_storage", "conflict")


def test_denied_with_enforce_off_is_only_reported(vm: Machine) -> None:
    vm.run("modprobe", "f2fs").check()
    vm.drop("kmodd.toml", "enforce = false\n", directory="/etc/kmodd")
    vm.drop(FILE, F2FS + '[module.nfsd]\nstate = "denied"\n[module.ifb]\n')
    vm.start_daemon()
    bus = Bus(vm)
    bus.wait_for_condition("f2fs", "denied-but-loaded")
    assert bus.module("nfsd", "Condition") == "unverifiable"
    assert "enforce is off" in bus.module("nfsd", "Message")
    assert bus.call("Plan") != []
    assert bus.call("Reconcile") == []
    assert vm.names_in("/etc/modprobe.d") == ()
    assert {"f2fs"} == {"f2fs", "ifb"} & vm.modules().keys()
    vm.remove("/etc/kmodd/kmodd.toml")
    vm.wait_for(module_absent("f2fs"))
    vm.wait_for(module_live("ifb"))
    vm.wait_for(PathExists("/etc/modprobe.d/00-kmodd.conf"))
