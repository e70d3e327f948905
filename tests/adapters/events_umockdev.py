"""Scenarios on a whole udev of umockdev's making; to be run under umockdev-wrapper, which redirects /sys."""

import asyncio
import ctypes
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kmodd.events.attribute import read_attribute
from kmodd.events.devices import PresentDevices
from kmodd.events.trigger import EVERYTHING, NOTHING, Look
from kmodd.events.udev import Udev
from kmodd.events.uevents import Uevents
from kmodd.model import DeviceMatch
from tests.adapters.events_scenario import Looks, main, root_with_udevd

CP210X = DeviceMatch(subsystem="usb", attributes=(("idVendor", "10c4"),))
SERIAL = DeviceMatch(modalias="usb:v10C4pEA60*")
DISK = DeviceMatch(subsystem="block", properties=(("ID_BUS", "[au]*"),))
NVME = DeviceMatch(subsystem="pc[i]", driver="nvme")


class Testbed:
    """libumockdev, as much of it as is needed here (umockdev.h)."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libumockdev.so.0")
        for function in ("new", "add_devicev", "get_root_dir"):
            getattr(self._library, f"umockdev_testbed_{function}").restype = ctypes.c_void_p
        self._testbed = ctypes.c_void_p(self._library.umockdev_testbed_new())

    def plug(
        self,
        subsystem: str,
        name: str,
        properties: Mapping[str, str],
        attributes: Mapping[str, str] | None = None,
    ) -> str:
        """Make a device without telling anybody; its sys path."""
        path = self._library.umockdev_testbed_add_devicev(
            self._testbed,
            subsystem.encode(),
            name.encode(),
            None,
            _pairs(attributes or {}),
            _pairs(properties),
        )
        return ctypes.string_at(path).decode()

    def bind(self, path: str, driver: str) -> None:
        """Give a device its driver."""
        target = f"../../bus/pci/drivers/{driver}"
        self._library.umockdev_testbed_set_attribute_link(
            self._testbed, path.encode(), b"driver", target.encode()
        )

    def real(self, path: str) -> Path:
        """Where the file is for calls that umockdev does not redirect."""
        root = self._library.umockdev_testbed_get_root_dir(self._testbed)
        return Path(ctypes.string_at(root).decode() + path)

    def tell(self, path: str, action: str) -> None:
        """Send a uevent, as udevd does."""
        self._library.umockdev_testbed_uevent(self._testbed, path.encode(), action.encode())

    def unplug(self, path: str) -> None:
        """Take a device out without telling anybody."""
        self._library.umockdev_testbed_remove_device(self._testbed, path.encode())


def _pairs(values: Mapping[str, str]) -> ctypes.Array[ctypes.c_char_p]:
    flat = [text.encode() for pair in values.items() for text in pair]
    return (ctypes.c_char_p * (len(flat) + 1))(*flat, None)


async def device_events_come_from_udevd() -> None:
    testbed, looks = Testbed(), Looks()
    listener = Uevents(looks, run_root=root_with_udevd())
    listener.listen((CP210X,))
    usb = testbed.plug("usb", "1-1", {}, {"idVendor": "10c4"})
    block = testbed.plug("block", "sda", {})
    testbed.tell(block, "add")
    testbed.tell(usb, "add")
    assert await looks.next() == Look(devices=frozenset((usb,)))
    testbed.tell(usb, "remove")
    assert await looks.next() == Look(devices=frozenset((usb,)))
    listener.listen((CP210X, SERIAL))
    assert await looks.next() == Look(all_devices=True)
    testbed.tell(block, "change")
    assert await looks.next() == Look(devices=frozenset((block,)))
    listener.close()


async def events_of_what_nobody_asks_for_are_passed_over() -> None:
    testbed, looks, known = Testbed(), Looks(), set[str]()
    listener = Uevents(looks, run_root=root_with_udevd(), known=known.__contains__)
    listener.listen((CP210X, SERIAL, DISK))
    other = testbed.plug("usb", "1-1:1.1", {"MODALIAS": "usb:v8086"}, {"idVendor": "10c4"})
    wanted = testbed.plug("tty", "1-1:1.0", {"MODALIAS": "usb:v10C4pEA60d0100"})
    floppy, drive = testbed.plug("block", "fd0", {}), testbed.plug("block", "sda", {"ID_BUS": "ata"})
    for path in (floppy, wanted, floppy, drive, floppy, other):
        testbed.tell(path, "change")
    told = [await looks.next()]
    while other not in told[-1].devices:
        told.append(await looks.next())
    assert frozenset().union(*(look.devices for look in told)) == {wanted, drive, other}
    testbed.tell(floppy, "remove")  # whatever it was, it may have been counted
    assert await looks.next() == Look(devices=frozenset((floppy,)))
    known.add(floppy)
    testbed.tell(floppy, "change")
    assert await looks.next() == Look(devices=frozenset((floppy,)))
    listener.close()


async def what_a_scan_finds_is_known_and_all_is_while_it_scans() -> None:
    testbed, present = Testbed(), PresentDevices()
    usb = testbed.plug("usb", "1-1", {}, {"idVendor": "10c4"})
    assert not present.knows(usb)
    scanning = asyncio.ensure_future(present.update((CP210X,), NOTHING))
    await asyncio.sleep(0)
    assert present.knows("/sys/devices/none")
    await scanning
    assert present.knows(usb)
    assert not present.knows("/sys/devices/none")


async def udevd_that_starts_later_is_listened_to() -> None:
    testbed, looks = Testbed(), Looks()
    root = Path(root_with_udevd())
    control = root / "udev/control"
    control.unlink()
    listener = Uevents(looks, run_root=str(root))
    listener.listen((CP210X,))
    control.touch()
    listener.listen((CP210X,))
    assert await looks.next() == Look(all_devices=True)
    usb = testbed.plug("usb", "1-1", {}, {"idVendor": "10c4"})
    testbed.tell(usb, "add")
    assert await looks.next() == Look(devices=frozenset((usb,)))
    listener.close()


async def a_scan_finds_what_is_there() -> None:
    testbed = Testbed()
    testbed.plug("usb", "1-1", {}, {"idVendor": "10c4"})
    testbed.plug("usb", "1-2", {}, {"idVendor": "8086"})
    interface = testbed.plug("usb", "1-1:1.0", {"MODALIAS": "usb:v10C4pEA60d0100"})
    testbed.plug("block", "sda", {"ID_BUS": "ata"})
    nvme = testbed.plug("pci", "0000:00:01.0", {"MODALIAS": "pci:v1"})
    assert {device.path for device in Udev().devices(with_modalias=True)} == {interface, nvme}
    assert {device.path for device in Udev().devices("p*")} == {nvme}
    present = PresentDevices()
    every = (CP210X, SERIAL, DISK, NVME)
    assert (await present.update(every, NOTHING)).present == {CP210X, SERIAL, DISK}
    testbed.bind(nvme, "nvme")
    assert (await present.update(every, Look(all_devices=True))).present == set(every)
    assert (await present.update((SERIAL,), NOTHING)).present == {SERIAL}
    assert (await present.update((), EVERYTHING)).present == set()


async def what_nobody_listened_to_is_scanned_anew() -> None:
    testbed = Testbed()
    present = PresentDevices()
    assert (await present.update((CP210X,), NOTHING)).present == set()
    assert (await present.update((), NOTHING)).present == set()
    testbed.plug("usb", "1-1", {}, {"idVendor": "10c4"})
    assert (await present.update((CP210X, DISK), NOTHING)).present == {CP210X}
    testbed.plug("block", "sda", {"ID_BUS": "ata"})
    assert (await present.update((CP210X, DISK, SERIAL), NOTHING)).present == {CP210X}
    assert (await present.update((CP210X, SERIAL), NOTHING)).present == {CP210X}
    assert (await present.update((CP210X, SERIAL, DISK), NOTHING)).present == {CP210X, DISK}


async def a_look_follows_one_device() -> None:
    testbed = Testbed()
    present = PresentDevices()
    assert (await present.update((CP210X, NVME), NOTHING)).present == set()
    usb = testbed.plug("usb", "1-1", {}, {"idVendor": "10c4"})
    nvme = testbed.plug("pci", "0000:00:01.0", {})
    assert (await present.update((CP210X, NVME), Look(devices=frozenset((usb, nvme))))).present == {CP210X}
    testbed.bind(nvme, "nvme")
    assert (await present.update((CP210X, NVME), Look(devices=frozenset((nvme,))))).present == {CP210X, NVME}
    elsewhere = Look(devices=frozenset(("/sys/devices/none",)))
    assert (await present.update((CP210X, NVME), elsewhere)).present == {CP210X, NVME}
    (testbed.real(nvme) / "driver").unlink()
    assert (await present.update((CP210X, NVME), Look(devices=frozenset((nvme,))))).present == {CP210X}


async def a_device_that_left_without_a_word_is_missed() -> None:
    testbed = Testbed()
    one, two = (testbed.plug("usb", name, {}, {"idVendor": "10c4"}) for name in ("1-1", "1-2"))
    present = PresentDevices()
    assert (await present.update((CP210X,), NOTHING)).present == {CP210X}
    testbed.unplug(one)
    assert (await present.update((CP210X,), NOTHING)).present == {CP210X}
    testbed.unplug(two)
    assert (await present.update((CP210X,), NOTHING)).present == set()


async def many_single_looks_become_a_scan() -> None:
    testbed = Testbed()
    present = PresentDevices()
    await present.update((CP210X,), NOTHING)
    testbed.plug("usb", "1-1", {}, {"idVendor": "10c4"})
    elsewhere = frozenset(f"/sys/devices/none{number}" for number in range(100))
    assert (await present.update((CP210X,), Look(devices=elsewhere))).present == {CP210X}


async def hostile_text_matches_nothing_and_raises_nothing() -> None:
    testbed = Testbed()
    usb = testbed.plug("usb", "1-1", {"ID_MODEL": "bad"}, {"product": "x" * 10_000})
    (testbed.real(usb) / "uevent").write_bytes(b"ID_MODEL=\xff\xfe\n")
    (testbed.real(usb) / "product").write_bytes(b"\xff\x00\x1b[31m\n")
    device = Udev().device(usb)
    assert device is not None
    assert device.property("ID_MODEL") is None
    assert device.attribute("product") == "\ufffd\0\x1b[31m"
    assert device.attribute("../../../etc/passwd") is None
    assert device.driver == ""
    secret = Path(tempfile.mkdtemp()) / "secret"
    secret.write_text("1")
    (testbed.real(usb) / "leak").symlink_to(secret)
    os.mkfifo(testbed.real(usb) / "pipe")
    assert [read_attribute(usb, name) for name in ("leak", "pipe", "absent", "n\0l", "")] == [None] * 5


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        device_events_come_from_udevd,
        events_of_what_nobody_asks_for_are_passed_over,
        what_a_scan_finds_is_known_and_all_is_while_it_scans,
        udevd_that_starts_later_is_listened_to,
        a_scan_finds_what_is_there,
        what_nobody_listened_to_is_scanned_anew,
        a_look_follows_one_device,
        a_device_that_left_without_a_word_is_missed,
        many_single_looks_become_a_scan,
        hostile_text_matches_nothing_and_raises_nothing,
    )
}

if __name__ == "__main__":
    main(SCENARIOS)
