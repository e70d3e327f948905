"""Everything that the bench measures, a row each; a new measurement is a file and a row here."""

from collections.abc import Callable, Mapping

from bench.measurement import Measurement
from bench.measurements import memory, no_op_pass, ready
from bench.reports import importtime, profile

MEASUREMENTS: tuple[Measurement, ...] = (
    Measurement("ready", "from exec to READY=1, 200 modules declared", 15, ready.measure),
    Measurement("memory", "all processes after 1,000 events, 200 modules declared", 5, memory.measure),
    Measurement("pass", "no-op pass, 1,000 modules declared, 300 present", 7, no_op_pass.measure, 768),
)

REPORTS: Mapping[str, Callable[[], str]] = {
    "importtime.txt": importtime.report,
    "profile-pass.txt": profile.report,
}
"""Texts for people, written beside the numbers: name of the file, and what makes it inside the guest."""
