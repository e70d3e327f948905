"""Where the time of a pass goes: cProfile over passes with nothing to do, inside this process."""

import cProfile
import io
import pstats

from bench.guest.in_process import passes
from bench.measurements.no_op_pass import declare

PASSES = 5
_MOST = 40


def report() -> str:
    """The functions that take most, by own and by cumulative time; run inside the guest."""
    declare()
    profile = cProfile.Profile()
    with passes() as alone:
        for _ in range(PASSES):
            alone.be_quiet()
            profile.runcall(alone.one)
    text = io.StringIO()
    statistics = pstats.Stats(profile, stream=text).strip_dirs()
    text.write(f"{PASSES} passes, traced, so too long\n")
    for order in ("tottime", "cumulative"):
        statistics.sort_stats(order).print_stats(_MOST)
    return text.getvalue()
