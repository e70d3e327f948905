"""A declared module follows a device that comes and goes (shown 2)."""

from dataclasses import dataclass

import pytest

from tests.support.guest.conditions import module_absent, module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.vm.devices import DeviceName
from tests.support.vm.machine import VirtualMachine


@dataclass(frozen=True, slots=True)
class Followed:
    """A device, as ``when.device`` describes it, and the module that is declared for it."""

    device: DeviceName
    described: str
    module: str

    def text(self) -> str:
        """The file that a person writes."""
        return f'[module.{self.module}]\nwhen.device = {self.described}\nwhen_gone = "unload"\n'


FOLLOWED = (
    Followed("e1000e", '{ subsystem = "pci", attributes = { vendor = "0x8086", device = "0x10d3" } }', "ifb"),
    Followed("usb-storage", '{ subsystem = "block", properties = { ID_BUS = "usb" } }', "dm_multipath"),
    Followed("usb-tablet", '{ driver = "usbhid" }', "uinput"),
    Followed("virtio-rng", '{ modalias = "virtio:d00000004v*" }', "nlmon"),
)


@pytest.mark.parametrize("followed", FOLLOWED, ids=lambda followed: followed.device)
def test_2_a_module_follows_its_device(vm: VirtualMachine, followed: Followed) -> None:
    """There with it, gone with it, and there again when it comes back."""
    bus = Bus(vm)
    vm.drop("40-followed.toml", followed.text())
    bus.wait_for_condition(followed.module, "condition-unmet")
    assert followed.module not in vm.modules()
    vm.plug(followed.device)
    vm.wait_for(module_live(followed.module))
    bus.wait_for_condition(followed.module, "in-sync")
    vm.unplug(followed.device)
    vm.wait_for(module_absent(followed.module))
    bus.wait_for_condition(followed.module, "condition-unmet")
    vm.plug(followed.device)
    vm.wait_for(module_live(followed.module))


def test_2_another_device_brings_nothing_and_takes_nothing_away(vm: VirtualMachine) -> None:
    """All four are declared, one device is there; what is not unplugged keeps its module."""
    for followed in FOLLOWED:
        vm.drop(f"{followed.module}.toml", followed.text())
    declared = {followed.module for followed in FOLLOWED}
    bus = Bus(vm)
    for module in declared:
        bus.wait_for_condition(module, "condition-unmet")
    vm.plug("usb-tablet")
    vm.wait_for(module_live("uinput"))
    vm.plug("virtio-rng")
    vm.wait_for(module_live("nlmon"))
    vm.unplug("virtio-rng")
    vm.wait_for(module_absent("nlmon"))
    bus.wait_until_converged()
    assert declared & vm.modules().keys() == {"uinput"}
