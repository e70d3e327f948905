"""``when``, part by part, both ways."""

from typing import Any

import pytest

from kmodd.core.conditions import asked_facts, describe_match, unmet
from kmodd.model import AskedFacts, Declaration, DeviceMatch, Facts, Ready, When
from kmodd.names import ModuleName

USB = DeviceMatch(subsystem="usb", attributes=(("idVendor", "10c4"),))
PCI = DeviceMatch(modalias="pci:v00008086d*", driver="e1000e")
FACTS = Facts(
    kernel_release="6.12.0-3-amd64",
    architecture="x86_64",
    virtualization="vm:qemu",
    command_line=("quiet", "root=/dev/sda1", "debug=2"),
    dmi={"sys_vendor": "QEMU", "product_name": "Standard PC (Q35 + ICH9, 2009)"},
    existing_paths=frozenset(("/run/no-kvm",)),
    present_devices=frozenset((USB,)),
)
HOLDS = [
    When(),
    When(devices=(USB,)),
    When(devices=(PCI, USB)),
    When(kernel=(">=6.1",)),
    When(kernel=(">=6.12",)),
    When(kernel=("<=6.12",)),
    When(kernel=("=6.12.0",)),
    When(kernel=("<6.100",)),
    When(kernel=(">6.2", "<7")),
    When(kernel=(">6.2 <7",)),
    When(kernel=("> 6.2",)),
    When(kernel=("!=6.1",)),
    When(kernel=("6.12.*-amd64",)),
    When(architecture=("x86-64",)),
    When(architecture=("x86_64",)),
    When(virtualization=("vm",)),
    When(virtualization=("qemu",)),
    When(virtualization=("vm:qemu",)),
    When(virtualization=("yes",)),
    When(path_exists=("/run/no-kvm",)),
    When(kernel_command_line=("quiet",)),
    When(kernel_command_line=("debug",)),
    When(kernel_command_line=("debug=2",)),
    When(dmi=("sys_vendor=QEMU",)),
    When(dmi=("product_name = *Q35*",)),
]
FAILS = [
    When(devices=(PCI,)),
    When(kernel=(">6.12",)),
    When(kernel=("<6.12",)),
    When(kernel=("=6.1",)),
    When(kernel=(">6.2 <6.10",)),
    When(kernel=("6.1.*",)),
    When(architecture=("arm64",)),
    When(virtualization=("container",)),
    When(virtualization=("no",)),
    When(virtualization=("kvm",)),
    When(path_exists=("/run/no",)),
    When(kernel_command_line=("root",), path_exists=("/run/no",)),
    When(kernel_command_line=("debug=3",)),
    When(kernel_command_line=("deb",)),
    When(dmi=("sys_vendor=qemu",)),
    When(dmi=("bios_vendor=*x",)),
]
KEYS = ("kernel", "architecture", "virtualization", "path_exists", "kernel_command_line", "dmi")


def only(key: str, entry: str) -> When:
    given: dict[str, Any] = {key: (entry,)}
    return When()._replace(**given)


SINGLE = [
    (key, getattr(when, key)[0])
    for when in (*HOLDS, *FAILS)
    for key in KEYS
    if len(getattr(when, key)) == 1 and not when.devices
]


@pytest.mark.parametrize("when", HOLDS, ids=str)
def test_holds(when: When) -> None:
    assert unmet(when, FACTS) == ""


@pytest.mark.parametrize("when", FAILS, ids=str)
def test_does_not_hold(when: When) -> None:
    assert unmet(when, FACTS)


def test_a_version_of_thousands_of_digits_is_later_than_any_kernel() -> None:
    assert unmet(only("kernel", f"<{'9' * 5000}"), FACTS) == ""
    assert unmet(only("kernel", f">=6.{'9' * 5000}"), FACTS)


@pytest.mark.parametrize(("key", "entry"), SINGLE)
def test_an_exclamation_mark_turns_it_around(key: str, entry: str) -> None:
    assert bool(unmet(only(key, entry), FACTS)) is not bool(unmet(only(key, "!" + entry), FACTS))


@pytest.mark.parametrize(
    ("machine", "name"),
    [("x86_64", "x86-64"), ("aarch64", "arm64"), ("i686", "x86"), ("riscv64", "riscv64"), ("s390x", "s390x")],
)
def test_architectures_have_the_names_of_systemd(machine: str, name: str) -> None:
    assert unmet(When(architecture=(name,)), Facts(architecture=machine)) == ""


def test_on_bare_metal_no_virtualization_holds() -> None:
    assert unmet(When(virtualization=("no",)), Facts()) == ""
    assert unmet(When(virtualization=("!vm",)), Facts()) == ""
    assert unmet(When(virtualization=("vm",)), Facts())


def test_the_sentence_names_the_part_that_fails() -> None:
    assert unmet(When(kernel=(">=6.1", "<6.2")), FACTS) == "when.kernel = '<6.2' does not hold"
    assert unmet(When(path_exists=("!/run/no-kvm",)), FACTS) == (
        "when.path_exists = '!/run/no-kvm' does not hold"
    )
    assert unmet(When(devices=(PCI,)), FACTS) == (
        "no matching device is present (driver=e1000e modalias=pci:v00008086d*)"
    )


def test_a_match_in_words() -> None:
    assert describe_match(USB) == "subsystem=usb idVendor=10c4"


def test_what_is_to_be_gathered() -> None:
    assert asked_facts(()) == AskedFacts()
    asking = (When(path_exists=("/a", "!/b")), When(dmi=("sys_vendor=A*",)), When(virtualization=("vm",)))
    first, *others = (Declaration(ModuleName("m"), when=when) for when in asking)
    assert asked_facts((first._replace(ready=Ready("/c")),)).paths == {"/a", "/b", "/c"}
    assert [asked_facts((first, other)) for other in others] == [
        AskedFacts(frozenset(("/a", "/b")), dmi=True),
        AskedFacts(frozenset(("/a", "/b")), virtualization=True),
    ]
