"""What the kernel says of a device that has just been made, and what a pass makes of that."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kmodd.events.devices import Presence, PresentDevices
from kmodd.events.kernel_device import NOBODY, told
from kmodd.events.roles import Device
from kmodd.events.trigger import MOST_NAMES, Look
from kmodd.model import DeviceMatch

DISK = DeviceMatch(subsystem="scsi", modalias="scsi:t-0x00*")
HEAD = b"add@/devices/a\0"
DISK_ADDED = HEAD + b"SUBSYSTEM=scsi\0MODALIAS=scsi:t-0x00\0"


class NoDevices:
    """Nothing is found by looking: what is there was only told."""

    def __init__(self) -> None:
        self.looked: list[str] = []
        self.scanned: list[tuple[str, bool]] = []

    def device(self, path: str) -> None:
        self.looked.append(path)

    def devices(self, subsystem: str = "", *, with_modalias: bool = False) -> Iterator[Device]:
        self.scanned.append((subsystem, with_modalias))
        return iter(())


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"add@",
        HEAD,
        DISK_ADDED.replace(b"add", b"change"),
        DISK_ADDED.replace(b"/devices", b"/module"),
        DISK_ADDED.replace(b"0x00", b"0x05"),
        DISK_ADDED.replace(b"=scsi\0", b"\0"),
        DISK_ADDED.replace(b"/a", b"/\xff"),
        DISK_ADDED.replace(b"t-0x00", b"t-0x00\xff"),
        DISK_ADDED + b"SYNTH_UUID=0\0",
        DISK_ADDED.replace(b"=scsi", b"=net"),
    ],
)
def test_what_tells_of_no_such_device_is_about_nobody(message: bytes) -> None:
    assert told(message, (DISK,)) == NOBODY


def test_each_match_that_the_message_fulfils_is_told() -> None:
    usb, both = DeviceMatch(subsystem="usb"), DeviceMatch(subsystem="s*")
    damaged = DISK_ADDED + b"NAME=\xff\0"
    for message in (DISK_ADDED, damaged):
        assert told(message, (DISK, usb, both)) == ("/sys/devices/a", frozenset((DISK, both)))


def test_properties_are_those_that_udevd_will_have() -> None:
    message = HEAD + b"ACTION=add\0SUBSYSTEM=tty\0DEVNAME=ttyUSB0\0SEQNUM=1\0"
    asked = (("DEVNAME", "/dev/ttyUSB*"), ("DEVNAME", "ttyUSB*"), ("ACTION", "*"), ("SEQNUM", "*"))
    matches = [DeviceMatch(properties=(each,)) for each in asked]
    assert told(message, matches) == ("/sys/devices/a", frozenset(matches[:1]))


def test_the_kernel_is_believed_without_a_look_while_the_path_is_there(tmp_path: Path) -> None:
    async def passes() -> None:
        source = NoDevices()
        present = PresentDevices(lambda: source)
        path = tmp_path / "device"
        path.mkdir()
        await present.update((DISK,), Look(full=True))
        look = Look(told=frozenset(((str(path), DISK), (str(path), DeviceMatch(subsystem="usb")))))
        found = await present.update((DISK,), look)
        assert found == Presence(frozenset((DISK,)), frozenset((DISK,)))
        assert present.knows(str(path))
        assert (await present.update((DISK,), Look())).present == {DISK}
        assert source.looked == []
        gone = await present.update((DISK,), Look(devices=frozenset((str(path),))))
        assert (gone.present, source.looked) == (frozenset(), [str(path)])
        await present.update((DISK,), look)
        path.rmdir()
        assert (await present.update((DISK,), Look())).present == frozenset()

    asyncio.run(passes())


def test_a_device_that_cannot_be_read_yet_holds_up_its_pass_and_nothing_else() -> None:
    async def passes() -> None:
        loop, reading, probed = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        class BeingProbed(NoDevices):
            def device(self, path: str) -> None:
                loop.call_soon_threadsafe(reading.set)
                probed.wait()
                super().device(path)

        source = BeingProbed()
        present = PresentDevices(lambda: source)
        await present.update((DISK,), Look(full=True))
        update = asyncio.create_task(present.update((DISK,), Look(devices=frozenset(("/sys/devices/a",)))))
        try:
            await reading.wait()
            assert present.knows("/sys/devices/a"), "its events count while it is being read"
            assert not present.knows("/sys/devices/b")
        finally:
            probed.set()
        assert (await update).present == frozenset()
        assert source.looked == ["/sys/devices/a"]
        assert not present.knows("/sys/devices/a")

    asyncio.run(passes())


def test_too_many_that_are_told_are_one_look_at_all() -> None:
    many = Look(told=frozenset((f"/sys/devices/{number}", DISK) for number in range(MOST_NAMES)))
    one = Look(told=frozenset((("/sys/devices/one", DISK),)))
    assert many | one == Look(all_devices=True)
    assert one | Look(retry=True) == Look(retry=True, told=one.told)
