"""Crash and reboot in the middle of a load: the next boot converges, no half of a file counts (shown 5)."""

import signal
from collections.abc import Mapping

from tests.support.guest.conditions import module_live, module_loading
from tests.support.guest.daemon_bus import Bus
from tests.support.vm.machine import VirtualMachine

DIRECTORIES = ("/etc/modprobe.d", "/var/lib/kmodd")
LAST_GOOD = "/var/lib/kmodd/last-good.json"
WRITTEN = ("/etc/modprobe.d/00-kmodd.conf", "/etc/modprobe.d/zz-kmodd.conf", LAST_GOOD)
SLEEPING = "nls_euc_jp"
DECLARED = f"""
[module.{SLEEPING}]
[module.dummy]
parameters.numdummies = 3
[module.ip_vs]
parameters.conn_tab_bits = 10
after = ["{SLEEPING}"]
[module.af_alg]
state = "denied"
"""
"""One sleeps in its init as long as the test likes, one waits for it, one is in, one must never be."""


def begin(vm: VirtualMachine) -> dict[str, str]:
    """Declare them and come to the middle of the load; what kmodd has written by then, and is on the disk."""
    vm.drop("40-modules.toml", DECLARED)
    vm.wait_for(module_loading(SLEEPING))
    vm.wait_for(module_live("dummy"))
    vm.run("sync").check()
    return {path: vm.read(path) for path in WRITTEN}


def leave_halves(vm: VirtualMachine) -> None:
    """What a disk may hold after a power cut: half of each file of kmodd, and temporary ones beside it.

    kmodd is stopped meanwhile, or it would put the files right.
    """
    daemon = int(vm.properties("kmodd.service", "MainPID")["MainPID"])
    vm.send_signal(daemon, signal.SIGSTOP)
    found = vm.run("find", *DIRECTORIES, "-type", "f").check().stdout.splitlines()
    assert set(found) >= set(WRITTEN)
    for path in found:
        directory, _, name = path.rpartition("/")
        content = vm.read(path)
        half = content[: len(content) // 2]
        vm.write(path, half, atomic=False)
        vm.write(f"{directory}/.{name}.new", half)
    vm.run("sync").check()


def assert_as_declared(vm: VirtualMachine, written: Mapping[str, str]) -> Bus:
    """The kernel, kmodd's word for it, and what others read; kmodd of this boot."""
    bus = Bus(vm)
    bus.wait_until_converged()
    assert bus.manager("State") == "converged"
    for module in (SLEEPING, "dummy", "ip_vs"):
        assert bus.module(module, "Condition") == "in-sync"
    assert vm.modules().keys() >= {SLEEPING, "dummy", "ip_vs"}
    assert "af_alg" not in vm.modules()
    assert {path: vm.read(path) for path in WRITTEN} == written
    assert vm.run("modprobe", "af_alg").status != 0
    assert vm.failed_units() == []
    return bus


def test_5_a_crash_in_the_middle_of_a_load(vm: VirtualMachine) -> None:
    with vm.holding_requests():
        written = begin(vm)
        leave_halves(vm)
        vm.crash()
    bus = assert_as_declared(vm, written)
    ((file, _, _, message),) = bus.manager("ConfigIssues")
    assert (file, "damaged" in message) == (LAST_GOOD, True)


def test_5_a_reboot_in_the_middle_of_a_load(vm: VirtualMachine) -> None:
    with vm.holding_requests():
        written = begin(vm)
        vm.reboot()
    bus = assert_as_declared(vm, written)
    assert bus.manager("ConfigIssues") == []
