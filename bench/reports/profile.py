"""Where the time of a pass goes: cProfile over passes with nothing to do, on a copy of what they read.

Not inside User Mode Linux: there the profiler's clock is a system call, and dearer than what it measures.
"""

import cProfile
import io
import pstats

from bench.copied import Copy
from bench.guest.in_process import passes

PASSES = 10
_MOST = 40


def report(copy: Copy) -> str:
    """The functions that take most, by own and by cumulative time."""
    profile = cProfile.Profile()
    with passes(copy.places) as alone:
        for _ in range(PASSES):
            alone.be_quiet()
            profile.runcall(alone.one)
    text = io.StringIO()
    text.write(f"{PASSES} passes, traced, so longer than without\n")
    statistics = pstats.Stats(profile, stream=text).strip_dirs()
    for order in ("tottime", "cumulative"):
        statistics.sort_stats(order).print_stats(_MOST)
    return text.getvalue()
