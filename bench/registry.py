"""Everything that the bench measures, a row each; a new measurement is a file and a row here."""

from collections.abc import Callable, Mapping

from bench.copied import Copy
from bench.measurement import InDebian, InGuest, InVirtualMachine, Measurement, OnCopy, OnHost
from bench.measurements import (
    bus_calls,
    growth,
    hotplug,
    idle,
    many,
    many_asleep,
    many_on_two,
    memory,
    no_op_pass,
    pass_ansible,
    pass_on_copy,
    ready,
    service_bus,
    service_memory,
    service_ready,
    stall,
    status_command,
    storm,
)
from bench.reports import importtime, profile

MEASUREMENTS = (
    Measurement(
        "ready",
        "from exec to READY=1, 200 modules declared, files as before and changed",
        15,
        InGuest(ready.measure),
    ),
    Measurement("memory", "at rest after 1,000 events, 200 modules declared", 5, InGuest(memory.measure)),
    Measurement(
        "pass", "no-op pass, 1,000 modules declared, 300 present", 7, InGuest(no_op_pass.measure, 768)
    ),
    Measurement("pass-on-copy", "the same pass, outside of the guest", 7, OnCopy(pass_on_copy.measure)),
    Measurement("growth", "plans and compiling, 100 times as much", 5, OnHost(growth.measure)),
    Measurement("bus", "calls on the bus, 300 modules", 15, OnCopy(bus_calls.measure)),
    Measurement("stall", "worst stall of the loop while one client floods", 5, OnCopy(stall.measure)),
    Measurement("idle", "wake-ups while nothing happens, a round a second", 60, InGuest(idle.measure)),
    Measurement("many", "50 modules with all that they need into the kernel", 5, InGuest(many.measure)),
    Measurement(
        "many-on-two", "the same on two processors, Debian's kernel", 5, InVirtualMachine(many_on_two.measure)
    ),
    Measurement(
        "many-asleep",
        "50 modules whose init sleeps with all that they need, on two processors",
        3,
        InVirtualMachine(many_asleep.measure),
    ),
    Measurement("hotplug", "a device plugged in until its module is live", 9, InGuest(hotplug.measure)),
    Measurement("storm", "10,000 uevents", 3, InGuest(storm.measure)),
    Measurement(
        "service-ready",
        "systemctl start beside firewalld and tuned, 200 modules declared",
        9,
        InDebian(service_ready.measure),
    ),
    Measurement(
        "service-memory",
        "the services after 1,000 events, 200 modules declared",
        5,
        InDebian(service_memory.measure),
    ),
    Measurement("service-bus", "small calls to the services", 15, InDebian(service_bus.measure)),
    Measurement("status", "kmoddctl status from exec to exit", 15, InDebian(status_command.measure)),
    Measurement(
        "pass-ansible", "no-op pass beside ansible, 1,000 modules declared", 3, InDebian(pass_ansible.measure)
    ),
)

REPORTS: Mapping[str, Callable[[], str]] = {"importtime.txt": importtime.report}
"""Texts for people, written beside the numbers: name of the file, and what makes it inside the guest."""

COPY_REPORTS: Mapping[str, Callable[[Copy], str]] = {"profile-pass.txt": profile.report}
"""The same, made on the machine itself from a copy of what a guest shows."""
