"""A module that crashes the kernel crashes one boot, or two; what else is declared is loaded in any case.

With the installed package, on Debian's own kernel; the modules are those of tests/modules.
"""

import json

import pytest

from tests.support.guest.conditions import BUS_NAME, module_live
from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, Bus
from tests.support.vm.machine import VirtualMachine

INTENTS = "/var/lib/kmodd/intents"
OTHERS = ("dummy", "ip_vs", "nls_euc_jp")
PANICS = """
[module.kmodd_panic]
[module.dummy]
parameters.numdummies = 3
[module.ip_vs]
[module.nls_euc_jp]
after = ["kmodd_panic"]
"""


def keep_crash_logs(vm: VirtualMachine) -> None:
    """As an administrator sets it up who wants to know of crashes."""
    vm.write("/etc/modules-load.d/ramoops.conf", "ramoops\n")
    vm.run("modprobe", "ramoops").check()


def declare_for_next_start(vm: VirtualMachine, text: str) -> None:
    """On the disk before anybody acts on it."""
    vm.systemctl("stop", "kmodd.service").check()
    vm.drop("40-modules.toml", text)
    vm.run("sync").check()


def start_kmodd(vm: VirtualMachine) -> None:
    """Nobody answers: it brings the machine down."""
    vm.start("systemctl", "start", "kmodd.service", timeout_s=120.0)


def assert_quarantined(vm: VirtualMachine) -> Bus:
    """kmodd_panic is kept out, everything else is in."""
    bus = Bus(vm)
    bus.wait_for_condition("kmodd_panic", "quarantined")
    for module in OTHERS:
        vm.wait_for(module_live(module))
        bus.wait_for_condition(module, "in-sync")
    assert "kmodd_panic" not in vm.modules()
    assert bus.manager("State") == "degraded"
    assert vm.run("modprobe", "kmodd_panic").status != 0
    assert vm.run("ls", INTENTS).check().stdout == ""
    return bus


@pytest.mark.shows("P5", "fault: open intent")
def test_a_panic_at_init_costs_one_boot_where_the_kernel_leaves_a_log(vm: VirtualMachine) -> None:
    keep_crash_logs(vm)
    declare_for_next_start(vm, PANICS)
    with vm.next_boot():
        start_kmodd(vm)
    bus = assert_quarantined(vm)
    assert bus.module("kmodd_panic", "Message").startswith(
        "loading it crashed the kernel, whose log of that names it"
    )
    words = bus.module("kmodd_panic", "KernelMessages")
    assert words[0] == "Kernel panic - not syncing: kmodd_panic was loaded"
    assert any("[kmodd_panic]" in line for line in words)
    # It lasts, and Release ends it.
    vm.reboot()
    assert_quarantined(vm)


@pytest.mark.shows("P5", "fault: open intent")
def test_without_a_log_it_costs_two_and_after_four_kmodd_only_observes(vm: VirtualMachine) -> None:
    declare_for_next_start(vm, PANICS)
    with vm.next_boot():
        start_kmodd(vm)
    bus = assert_quarantined(vm)
    assert "and again when that was tried alone" in bus.module("kmodd_panic", "Message")
    (suspected,) = json.loads(vm.read("/var/lib/kmodd/quarantines.json"))["quarantines"]
    assert (suspected["module"], suspected["confirmed"]) == ("kmodd_panic", False)
    with vm.next_boot():
        release = (BUS_NAME, MANAGER_PATH, MANAGER, "Release", "s", "kmodd_panic")
        vm.start("busctl", "call", *release)
    # Boots with these files have ended early one after the other.
    bus.wait_for_state("degraded")
    assert not bus.manager("Enforcing")
    assert any(message.startswith("the last 3 boots") for *_, message in bus.manager("ConfigIssues"))
    assert not vm.modules().keys() & {*OTHERS, "kmodd_panic"}
    bus.call("Resume")
    assert_quarantined(vm)
