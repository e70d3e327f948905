"""A driver that udev loads itself has its declared parameters from the first moment (shown 2).

One that the initramfs loads: test_initramfs.py.
"""

from tests.support.guest.conditions import FileHolds, module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.vm.machine import VirtualMachine

GENERATED = "/etc/modprobe.d/00-kmodd.conf"
USBHID = '[module.usbhid]\nstate = "auto"\nparameters.mousepoll = 4\n'


def test_2_a_driver_that_udev_loads_has_its_parameters_without_kmodd(vm: VirtualMachine) -> None:
    """kmodd does not run while the device comes, so that nobody could have written the parameter later."""
    vm.drop("40-usbhid.toml", USBHID)
    vm.wait_for(FileHolds(GENERATED, "^options usbhid mousepoll=4$"))
    assert "usbhid" not in vm.modules()
    vm.systemctl("stop", "kmodd.service").check()
    vm.run("udevadm", "control", "--reload").check()  # else it may be three seconds until it looks
    vm.plug("usb-tablet")
    vm.wait_for(module_live("usbhid"))
    assert vm.parameter("usbhid", "mousepoll") == "4"
    vm.systemctl("start", "kmodd.service").check()
    bus = Bus(vm)
    bus.wait_for_condition("usbhid", "in-sync")
    assert vm.journal("MODULE=usbhid", "ACTION=write") == ()
