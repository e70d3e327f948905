"""A driver that udev loads itself has its declared parameters from the first moment (shown 2)."""

from pathlib import Path

from tests.support.guest.conditions import FileHolds, module_live
from tests.support.guest.daemon_bus import Bus
from tests.support.vm.machine import VirtualMachine

GENERATED = "/etc/modprobe.d/00-kmodd.conf"
USBHID = '[module.usbhid]\nstate = "auto"\nparameters.mousepoll = 4\n'
WITHOUT_KMODD = ("systemd.mask=kmodd.service", "systemd.mask=kmodd-load.service")
INITRAMFS_S = 300.0


def declare(vm: VirtualMachine) -> None:
    """The parameter is not the driver's own, and the generated file has it."""
    vm.drop("40-usbhid.toml", USBHID)
    vm.wait_for(FileHolds(GENERATED, "^options usbhid mousepoll=4$"))
    assert "usbhid" not in vm.modules()


def test_2_a_driver_that_udev_loads_has_its_parameters_without_kmodd(vm: VirtualMachine) -> None:
    """kmodd does not run while the device comes, so that nobody could have written the parameter later."""
    declare(vm)
    vm.systemctl("stop", "kmodd.service").check()
    vm.run("udevadm", "control", "--reload").check()  # else it may be three seconds until it looks
    vm.plug("usb-tablet")
    vm.wait_for(module_live("usbhid"))
    assert vm.parameter("usbhid", "mousepoll") == "4"
    vm.systemctl("start", "kmodd.service").check()
    bus = Bus(vm)
    bus.wait_for_condition("usbhid", "in-sync")
    assert vm.journal("MODULE=usbhid", "ACTION=write") == ()


def test_2_a_driver_that_the_initramfs_loads_has_its_parameters(vm: VirtualMachine) -> None:
    """In the boot that is looked at only the initramfs knows the parameter: kmodd and its file are away."""
    declare(vm)
    initrd = make_initramfs(vm)
    vm.power_on(command_line=WITHOUT_KMODD, initrd=initrd, plugged=("usb-tablet",))
    assert Path(GENERATED).name not in vm.names_in("/etc/modprobe.d")
    assert vm.properties("kmodd.service", "ActiveState") == {"ActiveState": "inactive"}
    assert vm.parameter("usbhid", "mousepoll") == "4"


def make_initramfs(vm: VirtualMachine) -> Path:
    """What update-initramfs makes inside, small because it takes long there; the machine is off then."""
    few = ("virtio_pci", "virtio_blk", "ext4", "xhci_pci", "usbhid", "hid_generic")
    vm.write("/etc/initramfs-tools/conf.d/few", "MODULES=list\nCOMPRESS=gzip\nCOMPRESSLEVEL=1\n")
    vm.write("/etc/initramfs-tools/modules", "\n".join((*few, "")))
    vm.run("update-initramfs", "-u", timeout_s=INITRAMFS_S).check()
    release = vm.run("uname", "-r").check().stdout.strip()
    vm.systemctl("stop", "kmodd.service").check()
    vm.remove(GENERATED)
    vm.power_off()
    return vm.take_from_disk(f"/boot/initrd.img-{release}")
