"""What each key of kmodd.d(5) and kmodd.toml(5) means, in a sentence, for editors (JSON Schema)."""

from collections.abc import Mapping
from typing import Final

from kmodd.config.schema import (
    DeviceTable,
    FileTable,
    ModuleTable,
    ReadyTable,
    SettingsTable,
    Table,
    WhenTable,
)

SENTENCES: Final[Mapping[type[Table], Mapping[str, str]]] = {
    FileTable: {"module": "A table for each module, under its name."},
    ModuleTable: {
        "state": "What kmodd sees to. loaded: it is in the kernel and stays there. auto: hardware or others "
        "load it, with these parameters and in this order. unloaded: it is not in the kernel, and no alias "
        "loads it. denied: nobody can load it.",
        "parameters": "Its parameters by name, at loading and afterwards; a list becomes a comma list.",
        "on_parameter_change": "What may be done about a parameter that differs. write: write it where the "
        "kernel permits that. reload: unload and load the module if not. report: only say so.",
        "after": "Modules that go first, where both are loaded.",
        "before": "Modules that go later, where both are loaded.",
        "requires": "Modules that are loaded too, and first; if one of them fails, so does this one.",
        "wants": "Modules that are loaded too; if one of them fails, this one does not.",
        "conflicts": "Modules that keep this one out while they are loaded.",
        "replaces": "Modules that are unloaded before this one is loaded.",
        "when": 'What must hold, all of it, else the module is treated as auto; "!" negates an entry.',
        "when_gone": "What becomes of it after the last device of when.device has gone.",
        "ready": "What must appear after it was loaded before modules that need it go on.",
        "load_timeout": "How long a load may take before it is reported as slow; it is never ended.",
        "reason": "Why it is so, for whoever looks at the module.",
    },
    WhenTable: {
        "device": "A device that must be present, or several of which one must be: the module follows it.",
        "kernel": 'The kernel\'s release: comparisons such as ">=6.1", or a glob.',
        "architecture": "The architecture, as ConditionArchitecture= of systemd.unit(5) names it.",
        "virtualization": "What the system runs in, as systemd-detect-virt(1) names it, or yes, or no.",
        "path_exists": "An absolute path at which there is something.",
        "kernel_command_line": "A word of the kernel command line, with its value or for any value.",
        "dmi": 'A field of /sys/class/dmi/id and a glob for it: "sys_vendor=LENOVO".',
    },
    DeviceTable: {
        "modalias": "A glob for the device's modalias.",
        "subsystem": "A glob for its subsystem: usb, pci, scsi and so on.",
        "driver": "A glob for the driver that it is bound to.",
        "properties": "Globs for its properties in udev, by name.",
        "attributes": "Globs for its attributes in sysfs, by name.",
    },
    ReadyTable: {
        "path_exists": "An absolute path at which something must appear.",
        "device": "A device that must appear.",
        "timeout": "How long to wait for it.",
    },
    SettingsTable: {
        "enforce": "Whether kmodd changes the kernel; if not, it compares and reports.",
        "resync_interval": "How often everything is compared when nothing has happened.",
        "event_quiet_time": "How long events are gathered before the next pass.",
        "parallel_loads": "How many modules are loaded at once; 0: as many as kmodd thinks right.",
        "modprobe_file": "The file that kmodd generates for modprobe, udev and the kernel's own requests.",
        "quarantine": "What to do while the crash guard cannot write. strict: load nothing. best-effort: "
        "load nevertheless and say so.",
    },
}
