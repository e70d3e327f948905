"""Many modules at once on two processors, by Debian's own kernel with its compressed modules."""

from bench.guest import units
from bench.guest.insertion import insertable
from bench.measurements import many
from bench.series import Finding


def measure(rounds: int) -> Finding:
    """As ``many.measure``; the service makes room for the daemons that it starts."""
    units.stop("kmodd.service")
    return many.compared(rounds, "50 modules on two processors", insertable(many.COUNT))
