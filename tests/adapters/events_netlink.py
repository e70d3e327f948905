"""Scenarios on real netlink, in a network namespace of its own that has no uevents but those sent here.

Root of a namespace may have the kernel broadcast a uevent in it (lib/kobject_uevent.c, uevent_net_rcv_skb):
what arrives comes from the kernel, port 0 and sequence number included.
"""

import select
import socket
import struct

from kmodd.events import uevents
from kmodd.events.trigger import Look
from kmodd.events.uevents import Uevents
from kmodd.model import DeviceMatch
from kmodd.names import ModuleName
from tests.adapters.events_scenario import Looks, main, root_with_udevd

NETLINK_KOBJECT_UEVENT = 15
NLMSG_MIN_TYPE = 0x10
NLM_F_REQUEST = 1
NO_UDEVD = "/nonexistent"
FULL = Look(full=True, all_devices=True)


class Kernel:
    """Makes the kernel send uevents."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT)

    def send(self, action: str, devpath: str, subsystem: str, *more: str) -> None:
        fields = (f"{action}@{devpath}", f"ACTION={action}", f"DEVPATH={devpath}", f"SUBSYSTEM={subsystem}")
        payload = b"".join(field.encode() + b"\0" for field in (*fields, *more))
        header = struct.pack("=IHHII", 16 + len(payload), NLMSG_MIN_TYPE, NLM_F_REQUEST, 0, 0)
        self._socket.sendto(header + payload, (0, 0))

    def module(self, action: str, name: str) -> None:
        self.send(action, f"/module/{name}", "module")

    def close(self) -> None:
        self._socket.close()


def modules(*names: str) -> Look:
    return Look(modules=frozenset(map(ModuleName, names)))


async def modules_come_and_go() -> None:
    looks, kernel = Looks(), Kernel()
    listener = Uevents(looks, run_root=NO_UDEVD)
    listener.listen(())
    kernel.module("add", "snd-pcm")
    assert await looks.next() == modules("snd_pcm")
    kernel.module("remove", "dummy")
    assert await looks.next() == modules("dummy")
    kernel.module("add", "x" * 56)
    kernel.module("add", "..")
    kernel.module("add", "last")
    assert await looks.next() == modules("last")
    listener.close()
    kernel.close()


async def nothing_else_wakes_the_daemon() -> None:
    looks, kernel = Looks(), Kernel()
    listener = Uevents(looks, run_root=NO_UDEVD)
    listener.listen(())
    assert listener._modules is not None
    poll = select.poll()
    poll.register(listener._modules._monitor.fileno(), select.POLLIN)
    kernel.send("add", "/devices/virtual/net/dummy0", "net")
    kernel.send("add", "/bus/pci/drivers/e1000e", "drivers")
    kernel.send("change", "/module/dummy", "module")
    kernel.send("add", "/modul", "module")
    assert poll.poll(0) == []
    kernel.module("add", "dummy")
    assert poll.poll(0) != []
    listener.close()
    kernel.close()


async def an_overflow_is_one_full_look() -> None:
    uevents.BUFFER_BYTES = 4096  # type: ignore[misc]  # a constant for everybody else
    looks, kernel = Looks(), Kernel()
    listener = Uevents(looks, run_root=NO_UDEVD)
    listener.listen(())
    for flood in range(1, 4):
        for number in range(1000):
            kernel.module("add", f"module_{number}")
        assert await looks.next() == FULL
        kernel.module("add", "after")
        assert await looks.next() == modules("after")
        assert listener.overflows == flood
    listener.listen((DeviceMatch(subsystem="usb"),))
    for number in range(1000):
        kernel.send("add", f"/devices/usb{number}", "usb")
    assert await looks.next() == FULL
    kernel.send("add", "/devices/usb1", "usb")
    assert await looks.next() == Look(devices=frozenset(("/sys/devices/usb1",)))
    listener.close()
    kernel.close()


async def devices_without_udevd_come_from_the_kernel() -> None:
    looks, kernel = Looks(), Kernel()
    listener = Uevents(looks, run_root=NO_UDEVD)
    listener.listen((DeviceMatch(subsystem="usb"), DeviceMatch(subsystem="pci")))
    kernel.send("add", "/devices/net0", "net")
    kernel.send("add", "/devices/usb0", "usb")
    assert await looks.next() == Look(devices=frozenset(("/sys/devices/usb0",)))
    listener.listen((DeviceMatch(subsystem="pci"), DeviceMatch(subsystem="usb")))
    kernel.send("remove", "/devices/usb0", "usb")
    assert await looks.next() == Look(devices=frozenset(("/sys/devices/usb0",)))
    listener.listen((DeviceMatch(modalias="x*"),))
    assert await looks.next() == Look(all_devices=True)
    kernel.send("remove", "/devices/net0", "net")
    assert await looks.next() == Look(devices=frozenset(("/sys/devices/net0",)))
    listener.listen(())
    kernel.send("add", "/devices/net0", "net")
    kernel.module("add", "dummy")
    assert await looks.next() == modules("dummy")
    listener.close()
    kernel.close()


async def last(looks: Looks) -> Look:
    """The next that is not the look at all devices which other matches bring."""
    told = await looks.next()
    while told.all_devices:
        told = await looks.next()
    return told


async def devices_are_told_of_before_udevd_has_looked() -> None:
    looks, kernel = Looks(), Kernel()
    listener = Uevents(looks, run_root=root_with_udevd())
    disk, usb = DeviceMatch(subsystem="scsi", modalias="scsi:t-0x00*"), DeviceMatch(modalias="usb:v10C4*")
    later = (
        DeviceMatch(),
        DeviceMatch(subsystem="scsi", driver="sd"),
        DeviceMatch(subsystem="scsi", attributes=(("vendor", "*"),)),
        DeviceMatch(subsystem="scsi", properties=(("ID_BUS", "*"),)),
    )
    for asked in ((disk, *later), (disk, usb, *later)):
        listener.listen(asked)
        kernel.send("change", "/devices/0:0:0:1", "scsi", "MODALIAS=scsi:t-0x00")
        kernel.send("add", "/devices/0:0:0:2", "scsi", "MODALIAS=scsi:t-0x05")
        kernel.send("add", "/bus/scsi/drivers/sd", "drivers", "MODALIAS=scsi:t-0x00")
        kernel.send("add", "/devices/0:0:0:3", "scsi", "MODALIAS=scsi:t-0x00", "ID_OTHER=x")
        assert await last(looks) == Look(told=frozenset((("/sys/devices/0:0:0:3", disk),)))
    kernel.send("add", "/devices/usb1", "usb", "MODALIAS=usb:v10C4pEA60")
    assert await looks.next() == Look(told=frozenset((("/sys/devices/usb1", usb),)))
    listener.listen((disk, usb), ready=(usb,))
    kernel.send("add", "/devices/usb1", "usb", "MODALIAS=usb:v10C4pEA60")
    kernel.send("add", "/devices/0:0:0:4", "scsi", "MODALIAS=scsi:t-0x00")
    assert await last(looks) == Look(told=frozenset((("/sys/devices/0:0:0:4", disk),)))
    listener.listen(later[:-1])
    assert listener._added is None, "nothing of that can be told"
    listener.close()
    kernel.close()


async def a_burst_is_read_in_batches() -> None:
    looks, kernel = Looks(), Kernel()
    listener = Uevents(looks, run_root=NO_UDEVD)
    listener.listen(())
    for number in range(2 * uevents.BATCH + 1):
        kernel.module("add", f"module_{number}")
    sizes = [len((await looks.next()).modules) for _ in range(3)]
    assert sizes == [uevents.BATCH, uevents.BATCH, 1]
    listener.close()
    kernel.close()


async def processes_are_not_believed() -> None:
    looks, kernel = Looks(), Kernel()
    listener = Uevents(looks, run_root=NO_UDEVD)
    listener.listen(())
    assert listener._modules is not None
    forger = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT)
    message = b"add@/module/forged\0ACTION=add\0DEVPATH=/module/forged\0SUBSYSTEM=module\0SEQNUM=1\0"
    forger.sendto(message, (0, 1))
    kernel.module("add", "true")
    assert await looks.next() == modules("true")
    forger.close()
    listener.close()
    kernel.close()


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        modules_come_and_go,
        nothing_else_wakes_the_daemon,
        an_overflow_is_one_full_look,
        devices_without_udevd_come_from_the_kernel,
        devices_are_told_of_before_udevd_has_looked,
        a_burst_is_read_in_batches,
        processes_are_not_believed,
    )
}

if __name__ == "__main__":
    main(SCENARIOS)
