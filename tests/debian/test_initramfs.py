"""The package on a Debian with initramfs-tools: kmodd knows what the initramfs of its kernel holds."""

import pytest

from tests.support.debian.machine import DebianMachine
from tests.support.guest.conditions import CommandPrints
from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, Bus, property_is

IMAGE_S = 180.0
RECORDS = "/var/lib/kmodd/initramfs"


@pytest.fixture
def bus(vm: DebianMachine) -> Bus:
    """kmodd on a machine whose images have one module that a test may load, so that one takes seconds."""
    vm.write("/etc/initramfs-tools/conf.d/few", "MODULES=list\nCOMPRESS=gzip\nCOMPRESSLEVEL=1\n")
    vm.write("/etc/initramfs-tools/modules", "dummy\n")
    return Bus(vm)


def declare(vm: DebianMachine, numdummies: int) -> None:
    """Nothing is loaded for it: only what others load it with changes."""
    text = f'[module.dummy]\nstate = "auto"\nparameters.numdummies = {numdummies}\n'
    vm.drop("10-dummy.toml", text)


def shown_as(state: str) -> CommandPrints:
    """The manager's property."""
    return property_is(MANAGER_PATH, MANAGER, "Initramfs", state)


def test_its_life_from_the_first_image_until_its_kernel_is_removed(vm: DebianMachine, bus: Bus) -> None:
    declare(vm, 2)
    vm.wait_for(CommandPrints(("cat", "/etc/modprobe.d/00-kmodd.conf"), "options dummy numdummies=2"))
    assert bus.manager("Initramfs") == ""
    release = vm.run("uname", "--kernel-release").stdout.strip()
    vm.run("update-initramfs", "-c", "-k", release, timeout_s=IMAGE_S).check()
    vm.wait_for(shown_as("current"))
    assert bus.manager("ConfigIssues") == []
    declare(vm, 3)
    vm.wait_for(shown_as("initramfs-stale"))
    ((file, _, _, message),) = bus.manager("ConfigIssues")
    assert file == ""  # it is about kmodd itself
    assert "of dummy," in message
    assert message.endswith("[make it anew: update-initramfs -u -k all]")
    assert bus.manager("State") == "converged"
    assert "the initramfs has other lines about it" in vm.kmoddctl("status", "dummy").stdout
    (entry,) = vm.journal("CODE=initramfs-stale")
    assert "update-initramfs -u -k all" in entry.message
    declare(vm, 2)
    vm.wait_for(shown_as("current"))
    assert bus.manager("ConfigIssues") == []
    assert vm.names_in(RECORDS) == (release,)
    vm.run("run-parts", f"--arg={release}", "/etc/kernel/postrm.d").check()  # as its package does
    vm.wait_for(shown_as(""))
    assert not vm.names_in(RECORDS)
    assert f"initrd.img-{release}" not in vm.names_in("/boot")
