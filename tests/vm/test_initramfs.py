"""A driver that the initramfs loads has its parameters from the first moment, or kmodd says otherwise."""

import pytest

from tests.support.guest.conditions import CommandPrints
from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, Bus, property_is
from tests.support.vm.machine import VirtualMachine

IMAGE_S = 600.0
FILE = '[module.virtio_blk]\nstate = "auto"\nparameters.queue_depth = 32\n'


def shown_as(state: str) -> CommandPrints:
    """The manager's property."""
    return property_is(MANAGER_PATH, MANAGER, "Initramfs", state)


@pytest.fixture
def few_modules(vm: VirtualMachine) -> None:
    """An image with what this machine needs to boot takes a fraction of the time."""
    vm.write("/etc/initramfs-tools/conf.d/few", "MODULES=list\nCOMPRESS=gzip\nCOMPRESSLEVEL=1\n")
    vm.write("/etc/initramfs-tools/modules", "virtio_pci\nvirtio_blk\next4\n")


@pytest.mark.usefixtures("few_modules")
def test_the_driver_of_the_root_disk_gets_its_parameter_through_the_initramfs(vm: VirtualMachine) -> None:
    bus = Bus(vm)
    # The package had the image made anew, and what it holds is known since.
    vm.wait_for(shown_as("current"))
    assert vm.parameter("virtio_blk", "queue_depth") == "0"

    vm.drop("10-disk.toml", FILE)
    vm.wait_for(shown_as("initramfs-stale"))
    bus.wait_for_condition("virtio_blk", "reload-pending")
    ((file, _, _, message),) = bus.manager("ConfigIssues")
    assert file == ""
    assert "of virtio_blk," in message

    vm.run("update-initramfs", "-u", timeout_s=IMAGE_S).check()
    vm.wait_for(shown_as("current"))
    image = f"/boot/initrd.img-{bus.manager('KernelRelease')}"
    vm.power_off()
    vm.power_on(initrd=vm.take_from_disk(image))

    assert vm.parameter("virtio_blk", "queue_depth") == "32"
    assert vm.journal("MODULE=virtio_blk", "ACTION=load") == ()
    bus.wait_for_condition("virtio_blk", "in-sync")
    assert bus.manager("Initramfs") == "current"
    assert bus.manager("ConfigIssues") == []
