"""What can be plugged into a running machine, and where each has its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DeviceName = Literal["e1000e", "pci-testdev", "usb-storage", "usb-tablet", "virtio-rng"]

USB_BUS = "usb.0"
ENTROPY = "entropy"
_STICK = "stick"


@dataclass(frozen=True, slots=True)
class Device:
    """Arguments of device_add, and of blockdev-add for a device that needs a medium."""

    driver: str
    bus: str
    properties: Mapping[str, object] = field(default_factory=dict)
    medium: Mapping[str, object] = field(default_factory=dict)


DEVICES: Mapping[DeviceName, Device] = {
    # A network card of Intel's, without the boot ROM, which is in another package.
    "e1000e": Device("e1000e", "port0", {"romfile": ""}),
    # A device that no driver of Debian's is for; kmodd_alias of tests/modules is.
    "pci-testdev": Device("pci-testdev", "port2"),
    "virtio-rng": Device("virtio-rng-pci", "port1", {"rng": ENTROPY}),
    "usb-tablet": Device("usb-tablet", USB_BUS),
    "usb-storage": Device(
        "usb-storage",
        USB_BUS,
        {"drive": _STICK},
        {"driver": "null-co", "node-name": _STICK, "size": 16 << 20, "read-zeroes": True},
    ),
}

PORTS = tuple(sorted({device.bus for device in DEVICES.values()} - {USB_BUS}))
"""PCI Express ports, there from the beginning: nothing can be plugged into the root complex."""
