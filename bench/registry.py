"""Everything that the bench measures, a row each; a new measurement is a file and a row here."""

from collections.abc import Callable, Mapping

from bench.copied import Copy
from bench.measurement import CopyMeasurement, Measurement
from bench.measurements import memory, no_op_pass, pass_on_copy, ready
from bench.reports import importtime, profile

MEASUREMENTS: tuple[Measurement | CopyMeasurement, ...] = (
    Measurement("ready", "from exec to READY=1, 200 modules declared", 15, ready.measure),
    Measurement("memory", "all processes after 1,000 events, 200 modules declared", 5, memory.measure),
    Measurement("pass", "no-op pass, 1,000 modules declared, 300 present", 7, no_op_pass.measure, 768),
    CopyMeasurement("pass-on-copy", "the same pass, outside of the guest", 7, pass_on_copy.measure),
)

REPORTS: Mapping[str, Callable[[], str]] = {"importtime.txt": importtime.report}
"""Texts for people, written beside the numbers: name of the file, and what makes it inside the guest."""

COPY_REPORTS: Mapping[str, Callable[[Copy], str]] = {"profile-pass.txt": profile.report}
"""The same, made on the machine itself from a copy of what a guest shows."""
