"""The pass of no_op_pass.py on a copy of what it reads, outside of User Mode Linux; modprobe there too."""

from bench.copied import Copy
from bench.guest.in_process import passes
from bench.measurement import seconds_in_turns, timed
from bench.measurements.no_op_pass import ask_all, ask_each
from bench.series import Comparison, Finding


def measure(copy: Copy, rounds: int) -> Finding:
    """The rounds are longer than what the trigger keeps between passes."""
    options = ("--dirname", str(copy.base), "--set-version", copy.release)
    with passes(copy.places) as alone:
        names = alone.declared
        parts = {
            "kmodd": timed(alone.one),
            "modprobe -n, a process each": timed(lambda: ask_each(names, options)),
            "modprobe -n --all, one process": timed(lambda: ask_all(names, options)),
        }
        subject, each, at_once = seconds_in_turns(rounds, parts)
    return Finding(
        (
            Comparison("pass on a copy / modprobe -n", subject, each, target=0.02),
            Comparison("pass on a copy / modprobe -n --all", subject, at_once),
        ),
        ("pass on a copy: the same files, on this machine's own kernel, outside of User Mode Linux",),
    )
