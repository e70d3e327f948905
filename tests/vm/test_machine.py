"""The machine itself: hardware comes and goes, a crash is a crash, and a test's doings end with the test."""

import pytest

from tests.support.guest.channel import MachineLost
from tests.support.guest.conditions import CommandPrints, module_live
from tests.support.vm.devices import DeviceName
from tests.support.vm.machine import VirtualMachine
from tests.support.vm.qmp import QmpError
from tests.support.vm.snapshot import Snapshot

UDEV_DATABASE = ("udevadm", "info", "--export-db")
BOOT_ID = "/proc/sys/kernel/random/boot_id"
KERNEL_LOG = "/sys/fs/pstore/dmesg-ramoops-0"


def test_a_debian_is_up_with_kmodd_in_it(vm: VirtualMachine) -> None:
    assert vm.systemctl("is-system-running").stdout == "running\n"
    assert vm.failed_units() == []
    assert vm.properties("kmodd.service", "ActiveState") == {"ActiveState": "active"}


@pytest.mark.parametrize(
    ("device", "driver", "module"),
    [
        ("e1000e", "e1000e", "e1000e"),
        ("usb-storage", "usb-storage", "usb_storage"),
        ("usb-tablet", "usbhid", "usbhid"),
        ("virtio-rng", "virtio_rng", "virtio_rng"),
    ],
)
def test_a_device_comes_and_goes(vm: VirtualMachine, device: DeviceName, driver: str, module: str) -> None:
    """udevd sees it and loads its driver, and sees it go."""
    is_there = f"^E: DRIVER={driver}$"
    assert module not in vm.modules()
    vm.plug(device)
    vm.wait_for(module_live(module))
    vm.wait_for(CommandPrints(UDEV_DATABASE, is_there))
    vm.unplug(device)
    vm.settle()
    gone = ("sh", "-c", f"! {' '.join(UDEV_DATABASE)} | grep '{is_there}'")
    vm.wait_for(CommandPrints(gone))
    vm.plug(device)
    vm.wait_for(CommandPrints(UDEV_DATABASE, is_there))


def test_a_device_that_is_there_already_is_refused(vm: VirtualMachine) -> None:
    vm.plug("usb-tablet")
    with pytest.raises(QmpError, match="usb-tablet"):
        vm.plug("usb-tablet")


def test_a_crash_loses_what_was_not_written_and_keeps_the_log_in_memory(vm: VirtualMachine) -> None:
    vm.run("modprobe", "ramoops").check()
    before = write_and_half_write(vm)
    vm.crash()
    assert_only_the_written_is_kept(vm, before)
    vm.run("modprobe", "ramoops").check()
    assert "sysrq triggered crash" in vm.read(KERNEL_LOG)


def test_a_reset_shuts_nothing_down(vm: VirtualMachine) -> None:
    """``reboot``, which does: test_interrupted.py."""
    before = write_and_half_write(vm)
    vm.reset()
    assert_only_the_written_is_kept(vm, before)


def write_and_half_write(vm: VirtualMachine) -> str:
    """One file that is on the disk, one that is not yet; the boot in which that was."""
    vm.write("/etc/kept", "written\n")
    vm.run("sync").check()
    vm.write("/etc/lost", "not yet written\n")
    return vm.read(BOOT_ID)


def assert_only_the_written_is_kept(vm: VirtualMachine, before: str) -> None:
    """In another boot, where all is well."""
    assert vm.read(BOOT_ID) != before
    assert {"kept", "lost"} & set(vm.names_in("/etc")) == {"kept"}
    assert vm.read("/etc/kept") == "written\n"
    assert vm.failed_units() == []


def test_each_test_has_a_machine_of_its_own(vm: VirtualMachine, snapshot: Snapshot) -> None:
    vm.write("/etc/inside", "of this one\n")
    vm.run("sync").check()
    vm.plug("usb-tablet")
    with VirtualMachine.resume(snapshot) as other:
        assert "inside" not in other.names_in("/etc")
        other.plug("usb-tablet")
    assert "inside" in vm.names_in("/etc")


def test_a_machine_without_power_is_an_error_that_shows_the_console(vm: VirtualMachine) -> None:
    vm.write("/dev/console", "the last words\n", atomic=False)
    under_way = vm.start("sleep", "1000")
    vm.cut_power()
    with pytest.raises(MachineLost, match="the last words"):
        under_way.finish()
    with pytest.raises(MachineLost):
        vm.modules()
