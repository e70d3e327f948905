"""Two words on the kernel's command line that outweigh files, overrides, checkpoints and every call."""

import pytest

from tests.support.guest.conditions import PathExists, module_absent, module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.vm.machine import VirtualMachine

FILE = """
[module.dummy]
[module.ifb]
[module.nls_euc_jp]
state = "denied"
"""
MODULES = ("dummy", "ifb", "nls_euc_jp")
SKIPPED = "kmodd.skip= on the kernel command line names it"


def boot_with(vm: VirtualMachine, *words: str) -> Bus:
    """The same disk, with these words; whoever boots waits until the services are up."""
    vm.power_off()
    vm.power_on(command_line=words)
    return Bus(vm)


def events(vm: VirtualMachine) -> list[tuple[str, str]]:
    """What has happened in this boot to the modules that the file names."""
    return [(event.action, event.module) for event in vm.module_events() if event.module in MODULES]


def use_every_call(vm: VirtualMachine, bus: Bus, module: str) -> None:
    """Whatever a call could do to bring the module in, and a rollback of that."""
    for member in ("Reload", "Resume", "Reconcile"):
        bus.call(member)
    bus.call("Retry", "s", module)
    checkpoint = bus.call("CreateCheckpoint", "u", "600")
    bus.call("SetOverride", "sa{sv}", module, "1", "state", "s", "loaded")
    bus.call("Pause")
    bus.call("Resume")
    bus.call("Rollback", "s", checkpoint)
    assert vm.names_in("/run/kmodd.d") == ()
    bus.call("SetOverride", "sa{sv}", module, "1", "state", "s", "loaded")
    bus.call("Reconcile")


@pytest.mark.shows("P12")
def test_no_file_and_no_call_outweighs_a_switch(vm: VirtualMachine) -> None:
    vm.drop("40-modules.toml", FILE)
    Bus(vm).wait_for_condition("nls_euc_jp", "denied")
    vm.wait_for(module_live("ifb"))

    bus = boot_with(vm, "kmodd.skip=dummy,nls_euc_jp")
    vm.wait_for(module_live("ifb"))
    use_every_call(vm, bus, "dummy")
    for name in ("dummy", "nls_euc_jp"):
        assert (bus.module(name, "Condition"), bus.module(name, "Message")) == ("condition-unmet", SKIPPED)
    assert events(vm) == [("add", "ifb")]
    vm.run("modprobe", "nls_euc_jp").check()  # nobody denies it
    bus.call("Reconcile")
    vm.wait_for(module_live("nls_euc_jp"))

    bus = boot_with(vm, "kmodd.enforce=0")
    assert bus.manager("Enforcing") is False
    use_every_call(vm, bus, "dummy")
    assert bus.call("Reconcile") == []
    assert events(vm) == []
    vm.wait_for(module_absent("dummy"))
    vm.wait_for(PathExists("/run/kmodd.d/zz-override-dummy.toml"))
    assert vm.journal("MODULE=ifb", "ACTION=load") == ()
