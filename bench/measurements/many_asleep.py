"""Many modules at once whose init mostly sleeps, on two processors."""

from bench.guest import sleepers, units
from bench.measurements import many
from bench.series import Finding


def measure(rounds: int) -> Finding:
    """As ``many.measure``, for what drivers do; who loads one after the other waits for each."""
    units.stop("kmodd.service")
    what = f"{many.COUNT} modules whose init sleeps {sleepers.SLEEP_MS} ms"
    return many.compared(rounds, what, sleepers.sleepers(many.COUNT))
