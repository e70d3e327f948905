"""Crash and reboot in the middle of a load: the next boot converges, no half of a file counts (shown 5)."""

import signal

from tests.support.guest.conditions import FileHolds, module_live, module_loading
from tests.support.guest.daemon_bus import Bus
from tests.support.vm.machine import VirtualMachine

DIRECTORY = "/etc/modprobe.d"
STATE = "/var/lib/kmodd"
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


def begin(vm: VirtualMachine) -> str:
    """Declare them and come to the middle of the load; the generated file as it has to be."""
    vm.drop("40-modules.toml", DECLARED)
    vm.wait_for(module_loading(SLEEPING))
    vm.wait_for(module_live("dummy"))
    vm.wait_for(FileHolds(f"{DIRECTORY}/00-kmodd.conf", "af_alg"))
    vm.run("sync").check()
    return vm.read(f"{DIRECTORY}/00-kmodd.conf")


def leave_halves(vm: VirtualMachine) -> None:
    """What a disk may hold after a power cut: half of each file of kmodd, and temporary ones beside it.

    kmodd is stopped meanwhile, or it would put the files right.
    """
    daemon = int(vm.properties("kmodd.service", "MainPID")["MainPID"])
    vm.send_signal(daemon, signal.SIGSTOP)
    found = vm.run("find", DIRECTORY, STATE, "-type", "f").check().stdout.splitlines()
    assert {f"{DIRECTORY}/00-kmodd.conf"} < set(found)
    for path in found:
        directory, _, name = path.rpartition("/")
        content = vm.read(path)
        half = content[: len(content) // 2]
        vm.write(path, half, atomic=False)
        vm.write(f"{directory}/.{name}.new", half)
    vm.run("sync").check()


def is_as_declared(vm: VirtualMachine, generated: str) -> None:
    """The kernel, kmodd's word for it, and what others read."""
    bus = Bus(vm)
    bus.wait_until_converged()
    assert bus.manager("State") == "converged"
    assert bus.manager("ConfigIssues") == []
    for module in (SLEEPING, "dummy", "ip_vs"):
        assert bus.module(module, "Condition") == "in-sync"
    assert vm.modules().keys() >= {SLEEPING, "dummy", "ip_vs"}
    assert "af_alg" not in vm.modules()
    assert vm.read(f"{DIRECTORY}/00-kmodd.conf") == generated
    assert vm.run("modprobe", "af_alg").status != 0
    assert vm.failed_units() == []


def test_5_a_crash_in_the_middle_of_a_load(vm: VirtualMachine) -> None:
    with vm.holding_requests():
        generated = begin(vm)
        leave_halves(vm)
        vm.crash()
    is_as_declared(vm, generated)


def test_5_a_reboot_in_the_middle_of_a_load(vm: VirtualMachine) -> None:
    with vm.holding_requests():
        generated = begin(vm)
        vm.reboot()
    is_as_declared(vm, generated)
