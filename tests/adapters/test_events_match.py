"""Matching of devices, on plain data."""

from dataclasses import dataclass, field

import pytest

from kmodd.events.match import fulfils, may_fulfil, subsystems
from kmodd.model import DeviceMatch


@dataclass(frozen=True)
class PlainDevice:
    """A device that is only data."""

    subsystem: str = ""
    driver: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)

    def property(self, name: str) -> str | None:
        return self.properties.get(name)

    def attribute(self, name: str) -> str | None:
        return self.attributes.get(name)


USB = PlainDevice(
    "usb",
    "cp210x",
    {"MODALIAS": "usb:v10C4pEA60d0100", "ID_MODEL": "CP2102"},
    {"idVendor": "10c4", "idProduct": "ea60"},
)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (DeviceMatch(), True),
        (DeviceMatch(modalias="usb:v10C4pEA60*"), True),
        (DeviceMatch(modalias="usb:v10c4pEA60*"), False),
        (DeviceMatch(modalias="usb:v10C4"), False),
        (DeviceMatch(subsystem="usb"), True),
        (DeviceMatch(subsystem="us?"), True),
        (DeviceMatch(subsystem="pci"), False),
        (DeviceMatch(driver="cp21*"), True),
        (DeviceMatch(driver="ftdi"), False),
        (DeviceMatch(properties=(("ID_MODEL", "CP21[0-9]2"),)), True),
        (DeviceMatch(properties=(("ID_MODEL", "CP2102"), ("ID_BUS", "*"))), False),
        (DeviceMatch(attributes=(("idVendor", "10c4"), ("idProduct", "ea6?"))), True),
        (DeviceMatch(attributes=(("idVendor", "10c4"), ("serial", "*"))), False),
        (DeviceMatch(subsystem="usb", driver="cp210x", attributes=(("idVendor", "10c5"),)), False),
    ],
)
def test_everything_that_is_asked_must_match(match: DeviceMatch, expected: bool) -> None:
    assert fulfils(match, USB) is expected


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (DeviceMatch(driver="ftdi"), True),
        (DeviceMatch(attributes=(("idVendor", "10c5"),)), True),
        (DeviceMatch(subsystem="usb", modalias="usb:v10C4*", properties=(("ID_MODEL", "CP*"),)), True),
        (DeviceMatch(subsystem="pci"), False),
        (DeviceMatch(modalias="pci:*"), False),
        (DeviceMatch(properties=(("ID_BUS", "*"),)), False),
    ],
)
def test_what_an_event_does_not_tell_of_may_match(match: DeviceMatch, expected: bool) -> None:
    assert may_fulfil(match, USB) is expected


@pytest.mark.parametrize("glob", ["*", "?*"])
def test_a_device_without_a_modalias_has_none_that_matches(glob: str) -> None:
    assert not fulfils(DeviceMatch(modalias=glob), PlainDevice("net"))


@pytest.mark.parametrize(
    ("matches", "expected"),
    [
        ((), set()),
        ((DeviceMatch(subsystem="usb"), DeviceMatch(subsystem="pci", driver="x")), {"usb", "pci"}),
        ((DeviceMatch(subsystem="usb"), DeviceMatch(modalias="x*")), set()),
        ((DeviceMatch(subsystem="usb"), DeviceMatch(subsystem="scsi_*")), set()),
    ],
)
def test_subsystems_that_events_can_be_limited_to(
    matches: tuple[DeviceMatch, ...], expected: set[str]
) -> None:
    assert subsystems(matches) == expected
