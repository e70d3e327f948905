"""Everything that the bench measures, a row each; a new measurement is a file and a row here."""

from collections.abc import Callable, Mapping

from bench.copied import Copy
from bench.measurement import AnyMeasurement, CopyMeasurement, HostMeasurement, Measurement
from bench.measurements import (
    bus_calls,
    growth,
    hotplug,
    idle,
    many,
    memory,
    no_op_pass,
    pass_on_copy,
    ready,
    stall,
    status_command,
    storm,
)
from bench.reports import importtime, profile

MEASUREMENTS: tuple[AnyMeasurement, ...] = (
    Measurement(
        "ready", "from exec to READY=1, 200 modules declared, files as before and changed", 15, ready.measure
    ),
    Measurement("memory", "all processes after 1,000 events, 200 modules declared", 5, memory.measure),
    Measurement("pass", "no-op pass, 1,000 modules declared, 300 present", 7, no_op_pass.measure, 768),
    CopyMeasurement("pass-on-copy", "the same pass, outside of the guest", 7, pass_on_copy.measure),
    HostMeasurement("growth", "plans and compiling, 100 times as much", 5, growth.measure),
    CopyMeasurement("bus", "calls on the bus, 300 modules", 15, bus_calls.measure),
    CopyMeasurement("stall", "worst stall of the loop while one client floods", 5, stall.measure),
    Measurement("idle", "wake-ups while nothing happens, a round a second", 60, idle.measure),
    Measurement("many", "50 modules with all that they need into the kernel", 5, many.measure),
    Measurement("hotplug", "a device plugged in until its module is live", 9, hotplug.measure),
    Measurement("storm", "10,000 uevents", 3, storm.measure),
    Measurement("status", "kmoddctl status from exec to exit", 15, status_command.measure),
)

REPORTS: Mapping[str, Callable[[], str]] = {"importtime.txt": importtime.report}
"""Texts for people, written beside the numbers: name of the file, and what makes it inside the guest."""

COPY_REPORTS: Mapping[str, Callable[[Copy], str]] = {"profile-pass.txt": profile.report}
"""The same, made on the machine itself from a copy of what a guest shows."""
