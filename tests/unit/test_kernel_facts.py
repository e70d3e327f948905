"""Facts for conditions: what is asked for is read, and nothing else."""

import os
from pathlib import Path

import pytest

from kmodd.kernel import facts
from kmodd.kernel.facts import gather
from kmodd.kernel.roots import Roots
from kmodd.model import AskedFacts, DeviceMatch


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Roots:
    """A machine with firmware, on which no service manager of a container has left its name."""
    monkeypatch.setattr(facts, "_CONTAINER", str(tmp_path / "container"))
    proc, dmi = tmp_path / "proc", tmp_path / "sys/class/dmi/id"
    for name, text in {"sys/kernel/osrelease": "6.1.0-test", "cmdline": "quiet a=b", "cpuinfo": ""}.items():
        path = proc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    (dmi / "power").mkdir(parents=True)
    (dmi / "sys_vendor").write_text(" Acme \n")
    return Roots(str(proc), str(tmp_path / "sys"))


def test_what_always_counts(roots: Roots, tmp_path: Path) -> None:
    present = frozenset((DeviceMatch(subsystem="usb"),))
    asked = AskedFacts(frozenset((str(tmp_path), str(tmp_path / "no"))))
    found = gather(asked, present, roots)
    assert (found.kernel_release, found.architecture) == ("6.1.0-test", os.uname().machine)
    assert found.command_line == ("quiet", "a=b")
    assert (found.existing_paths, found.present_devices) == (frozenset((str(tmp_path),)), present)
    assert (found.dmi, found.virtualization) == ({}, "")


def test_firmware_is_asked_only_where_a_condition_does(roots: Roots) -> None:
    assert gather(AskedFacts(dmi=True), frozenset(), roots).dmi == {"sys_vendor": "Acme"}
    nowhere = roots._replace(sys=f"{roots.sys}/no")
    assert gather(AskedFacts(dmi=True), frozenset(), nowhere).dmi == {}


@pytest.mark.parametrize(
    ("file", "text", "kind"),
    [
        ("cpuinfo", "flags : fpu", ""),
        ("cpuinfo", "flags : fpu hypervisor", "vm:vm-other"),
        ("cpuinfo", "vendor_id : User Mode Linux", "vm:uml"),
        ("../sys/class/dmi/id/product_name", "VirtualBox", "vm:oracle"),
        ("../container", "podman\n", "container:podman"),
    ],
)
def test_what_the_machine_is(roots: Roots, file: str, text: str, kind: str) -> None:
    Path(roots.proc, file).write_text(text)
    assert gather(AskedFacts(virtualization=True), frozenset(), roots).virtualization == kind
