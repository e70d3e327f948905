"""What a virtual machine is made of, and the command line of QEMU for it."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.images.recipe import Image
from tests.support.vm.devices import ENTROPY, PORTS

QEMU = "qemu-system-x86_64"
_KVM = os.environ.get("KMODD_TEST_KVM") == "1"
_EMULATION = ("-accel", "tcg,thread=multi", "-cpu", "Nehalem")
ACCELERATION = ("-accel", "kvm", "-cpu", "host") if _KVM else _EMULATION
"""Emulated by default, so that every machine runs every test, and the same.

An old processor: for each feature of a new one udev loads a module, whose self-test is dear under emulation.
"""

_MACHINE = "q35,sata=off,smbus=off,i8042=off"
"""Nor are drivers loaded for what no test uses."""

AGENT_PORT = "kmodd.agent"
_AGENT_UNIT = r"kmodd-test-agent@dev-virtio\x2dports-kmodd.agent.service"

KERNEL_LOG_BYTES = 2 << 20
KERNEL_LOG_ADDRESS = 0x3000_0000
"""Memory that the kernel leaves alone and a reset too: ramoops keeps the log of a crash there."""

_COMMAND_LINE = (
    "root=/dev/vda",
    "rw",
    "console=ttyS0",
    "quiet",
    "panic=-1",
    f"memmap={KERNEL_LOG_BYTES}${KERNEL_LOG_ADDRESS:#x}",
    f"ramoops.mem_address={KERNEL_LOG_ADDRESS:#x}",
    f"ramoops.mem_size={KERNEL_LOG_BYTES:#x}",
    # They protect nobody here, and under emulation they are dear.
    "mitigations=off",
    "systemd.log_color=0",
    f"systemd.wants={_AGENT_UNIT}",
)


@dataclass(frozen=True, slots=True)
class Boot:
    """A disk and how it is booted; ``initrd``: another than the image's own."""

    image: Image
    command_line: tuple[str, ...] = ()
    initrd: Path | None = None
    memory_mib: int = 1024

    def arguments(self) -> tuple[str, ...]:
        """Hardware and kernel; what is the same whenever such a machine is made."""
        return (
            *("-nodefaults", "-no-user-config", "-display", "none"),
            *("-machine", _MACHINE, *ACCELERATION, "-smp", "2", "-m", f"{self.memory_mib}M"),
            *("-kernel", str(self.image.vmlinuz), "-initrd", str(self.initrd or self.image.initrd)),
            *("-append", " ".join((*_COMMAND_LINE, *self.command_line))),
            *("-device", "virtio-serial-pci", "-device", "qemu-xhci,id=usb"),
            *(word for number, port in enumerate(PORTS, 1) for word in _port(port, number)),
            *("-object", f"rng-builtin,id={ENTROPY}"),
        )


@dataclass(frozen=True, slots=True)
class Ends:
    """The other ends of a machine's lines: files of disk and console, sockets as descriptors."""

    disk: Path
    console: Path
    qmp: int
    agent: int

    def arguments(self) -> tuple[str, ...]:
        """Connects the machine; QEMU goes on when somebody listens to the agent."""
        return tuple(self._arguments())

    def _arguments(self) -> Iterator[str]:
        yield from ("-chardev", f"socket,id=qmp,fd={self.qmp}", "-mon", "chardev=qmp,mode=control")
        yield from (
            "-chardev",
            f"file,id=console,path={self.console},append=on",
            "-serial",
            "chardev:console",
        )
        yield from ("-chardev", f"socket,id=agent,fd={self.agent},server=on,wait=on")
        yield from ("-device", f"virtserialport,chardev=agent,name={AGENT_PORT}")
        # The host keeps what the guest wrote as long as the machine is there: flushing would only cost time.
        file = {"driver": "file", "filename": str(self.disk)}
        disk = {"driver": "qcow2", "node-name": "disk", "file": file, "cache": {"no-flush": True}}
        yield from ("-blockdev", json.dumps(disk), "-device", "virtio-blk-pci,drive=disk")


def _port(name: str, number: int) -> tuple[str, str]:
    return "-device", f"pcie-root-port,id={name},chassis={number},slot={number}"
