"""A pass that finds nothing to do: asked on the bus, and alone; beside asking modprobe about every module."""

import subprocess
from collections.abc import Sequence
from itertools import chain, islice

from bench.guest import daemon, modules
from bench.guest.bus import Client, client
from bench.guest.in_process import passes
from bench.measurement import seconds_in_turns, timed
from bench.series import Comparison, Finding
from kmodd.daemon.places import Places

DECLARED = 1000
PRESENT = 300
SAMPLE = 10
"""modprobe is asked one by one about every tenth, its time multiplied: a process may take 100 ms here."""


def declare() -> tuple[str, ...]:
    """Have 300 modules in the kernel and declare 1,000: those, and others for the case that they come in."""
    present = modules.load(PRESENT)[:PRESENT]
    loaded = frozenset(modules.loaded())
    others = (name for name in chain(modules.known(), modules.builtin()) if name not in loaded)
    rest = tuple(islice(others, DECLARED - PRESENT))
    modules.declare(present, file="50-present.toml")
    modules.declare(rest, state="auto", file="60-auto.toml")
    return (*present, *rest)


def measure(rounds: int) -> Finding:
    """All in turns, which gives the daemon's trigger its quiet time too."""
    names = declare()
    each_of_sample = timed(lambda: ask_each(names[::SAMPLE]))
    running = daemon.start()
    with client() as bus, passes(Places()) as alone:
        parts = {
            "on the bus": timed(lambda: reconcile(bus)),
            "alone": timed(alone.one),
            "modprobe -n, a process each": lambda: SAMPLE * each_of_sample(),
            "modprobe -n --all, one process": timed(lambda: ask_all(names)),
        }
        on_bus, in_process, each, at_once = seconds_in_turns(rounds, parts)
    running.stop()
    return Finding(
        (
            Comparison("pass, Reconcile() on the bus / modprobe -n", on_bus, each, target=0.02),
            Comparison("pass, alone / modprobe -n", in_process, each, target=0.02),
            Comparison("pass, alone / modprobe -n --all", in_process, at_once),
        ),
        (
            f"pass: {DECLARED // SAMPLE} modprobe processes were measured, their time taken {SAMPLE} times;"
            " processes are dear in User Mode Linux, which flatters kmodd: see the pass on a copy",
        ),
    )


def ask_each(names: Sequence[str], options: Sequence[str] = ()) -> None:
    """A modprobe for each, started by xargs: no interpreter is in the peer's time."""
    _run(["xargs", "-n", "1", "modprobe", *options, "-n", "-q", "--"], "\n".join(names))


def ask_all(names: Sequence[str], options: Sequence[str] = ()) -> None:
    """One modprobe for all."""
    _run(["modprobe", *options, "-n", "-q", "--all", "--", *names], "")


def reconcile(bus: Client) -> None:
    """One full pass, asked for on the bus; AssertionError if it found something to do."""
    (rows,) = bus.call("Reconcile")
    assert not rows, rows


def _run(command: Sequence[str], text: str) -> None:
    """Whatever status: modprobe cannot find every module that is part of the kernel."""
    subprocess.run(
        command,
        input=text.encode(),
        env=dict(daemon.ENVIRONMENT),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
