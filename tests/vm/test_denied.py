"""A denied module does not come in, whoever asks; root's insmod brings it in for a moment (shown 3)."""

import signal

import pytest

from tests.support.guest.conditions import CommandPrints, module_absent, module_used
from tests.support.guest.daemon_bus import Bus
from tests.support.vm.devices import DeviceName
from tests.support.vm.machine import VirtualMachine

DEVICES: dict[DeviceName, tuple[str, str]] = {
    "e1000e": ("e1000e", "PCI_ID=8086:10D3"),
    "usb-storage": ("usb_storage", "ID_VENDOR_ID=46f4"),
    "usb-tablet": ("usbhid", "ID_VENDOR_ID=0627"),
    "virtio-rng": ("virtio_rng", "MODALIAS=virtio:d00000004v"),
}
"""The driver of each device, and what udev says of it."""

# AF_ALG is served by af_alg (net-pf-38), which nothing else needs.
SOCKET = "import socket; held = socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)"
HELD_SOCKET = f"{SOCKET}; import signal; signal.pause()"
WAYS = {
    "f2fs": (
        ("modprobe", "f2fs"),
        ("modprobe", "fs-f2fs"),
        ("unshare", "--mount", "mount", "-t", "f2fs", "none", "/mnt"),
    ),
    "af_alg": (("modprobe", "af_alg"), ("modprobe", "net-pf-38"), ("python3", "-c", SOCKET)),
}
"""By name, by alias, and by what the kernel itself requests for a mount and for a socket."""


def deny(vm: VirtualMachine, *modules: str) -> Bus:
    """Declare them denied, and wait until that is proved."""
    vm.drop("40-denied.toml", "".join(f'[module.{name}]\nstate = "denied"\n' for name in modules))
    bus = Bus(vm)
    for name in modules:
        bus.wait_for_condition(name, "denied")
    return bus


def test_3_udev_does_not_load_the_denied_driver_of_a_device(vm: VirtualMachine) -> None:
    """Each of the devices has a driver where nobody denies it (test_machine.py)."""
    bus = deny(vm, *(module for module, _ in DEVICES.values()))
    vm.run("udevadm", "control", "--reload").check()  # else it may be three seconds until it looks
    since = len(vm.module_events())
    for device, (_, known_as) in DEVICES.items():
        vm.plug(device)
        vm.wait_for(CommandPrints(("udevadm", "info", "--export-db"), f"^E: {known_as}"))
    vm.settle()
    came = {event.module for event in vm.module_events(since)}
    assert came.isdisjoint(module for module, _ in DEVICES.values())
    for module, _ in DEVICES.values():
        assert bus.module(module, "Condition") == "denied"


@pytest.mark.parametrize("module", WAYS)
def test_3_modprobe_mount_and_socket_do_not_load_what_is_denied(vm: VirtualMachine, module: str) -> None:
    """Each of these ways leads in as long as nobody denies it."""
    for way in WAYS[module]:
        vm.run(*way)
        assert module in vm.modules(), way
        vm.run("modprobe", "-r", module).check()
    bus = deny(vm, module)
    since = len(vm.module_events())
    for way in WAYS[module]:
        vm.run(*way)  # an alias that is blacklisted is no error of modprobe's
        assert module not in vm.modules(), way
    assert module not in {event.module for event in vm.module_events(since)}
    assert bus.module(module, "Condition") == "denied"


def test_3_insmod_by_root_is_seen_reported_and_taken_out(vm: VirtualMachine) -> None:
    """By the kernel's own event: the next full look would be an hour away."""
    vm.drop("kmodd.toml", 'resync_interval = "1h"\n', directory="/etc/kmodd")
    bus = deny(vm, "af_alg")
    since = len(vm.module_events())
    vm.insert("af_alg")
    vm.wait_for(module_absent("af_alg"))
    bus.wait_for_condition("af_alg", "denied")
    came, gone = [event for event in vm.module_events(since) if event.module == "af_alg"]
    assert (came.action, gone.action) == ("add", "remove")
    print(f"af_alg was in the kernel for {gone.time_s - came.time_s:.2f} s")
    (entry,) = vm.journal("MODULE=af_alg", "ACTION=unload")
    assert entry.fields["OUTCOME"] == "done"


def test_3_what_is_denied_and_in_use_is_reported_until_it_can_be_taken_out(vm: VirtualMachine) -> None:
    user = vm.spawn("python3", "-c", HELD_SOCKET, output="/dev/null")
    vm.wait_for(module_used("af_alg"))
    vm.drop("40-denied.toml", '[module.af_alg]\nstate = "denied"\n')
    bus = Bus(vm)
    bus.wait_for_condition("af_alg", "denied-but-loaded")
    bus.wait_for_state("degraded")
    assert "in use" in bus.module("af_alg", "Message")
    (entry,) = vm.journal("MODULE=af_alg", "CODE=denied-but-loaded")
    assert entry.message.startswith("af_alg is denied-but-loaded")
    vm.send_signal(user, signal.SIGKILL)
    vm.wait(user)
    vm.wait_for(module_absent("af_alg"))
    bus.wait_for_condition("af_alg", "denied")
