"""Gathers what conditions are held against; reads only what they ask for."""

import os
from pathlib import Path

from kmodd.kernel.procfs import read_command_line, read_release
from kmodd.kernel.roots import Roots
from kmodd.model import AskedFacts, DeviceMatch, Facts

_CONTAINER = "/run/systemd/container"
_DMI = "class/dmi/id"
_VENDORS = {
    "QEMU": "qemu",
    "KVM": "kvm",
    "VMware": "vmware",
    "VMW": "vmware",
    "innotek GmbH": "oracle",
    "VirtualBox": "oracle",
    "Xen": "xen",
    "Bochs": "bochs",
    "Parallels": "parallels",
    "BHYVE": "bhyve",
    "Hyper-V": "microsoft",
    "Amazon EC2": "amazon",
    "Google Compute Engine": "google",
}
"""Beginnings of DMI vendor and product names, as systemd-detect-virt(1) names them."""


def gather(asked: AskedFacts, present: frozenset[DeviceMatch], roots: Roots) -> Facts:
    """Facts as of now; ``present`` are the device matches that are fulfilled."""
    dmi = _dmi(Path(roots.sys)) if asked.dmi or asked.virtualization else {}
    return Facts(
        kernel_release=read_release(roots.proc),
        architecture=os.uname().machine,
        virtualization=_virtualization(dmi, Path(roots.proc)) if asked.virtualization else "",
        command_line=read_command_line(roots.proc),
        dmi=dmi,
        existing_paths=frozenset(path for path in asked.paths if os.path.exists(path)),
        present_devices=present,
    )


def _dmi(sys: Path) -> dict[str, str]:
    """Fields of /sys/class/dmi/id that can be read; none on a machine without DMI."""
    fields = {}
    try:
        entries = list(os.scandir(sys / _DMI))
    except OSError:
        return {}
    for entry in entries:
        try:
            if entry.is_file():
                fields[entry.name] = Path(entry.path).read_text("utf-8", "replace").strip()
        except OSError:  # serial numbers are for root only, and some fields of some machines for nobody
            continue
    return fields


def _virtualization(dmi: dict[str, str], proc: Path) -> str:
    """``vm:KIND`` or ``container:KIND``, "" on bare metal; kinds as systemd-detect-virt(1) names them."""
    try:
        return "container:" + Path(_CONTAINER).read_text("ascii", "replace").strip()
    except OSError:
        pass
    named = (dmi.get(key, "") for key in ("product_name", "sys_vendor", "board_vendor", "bios_vendor"))
    for text in named:
        for beginning, kind in _VENDORS.items():
            if text.startswith(beginning):
                return f"vm:{kind}"
    try:
        cpuinfo = (proc / "cpuinfo").read_text("ascii", "replace")
    except OSError:
        return ""
    if "User Mode Linux" in cpuinfo:
        return "vm:uml"
    return "vm:vm-other" if " hypervisor" in cpuinfo else ""
