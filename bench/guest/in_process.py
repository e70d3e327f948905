"""kmodd's pass in this process, composed as the daemon composes it, but without bus, events and lock."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from kmodd.daemon.composition import Daemon
from kmodd.daemon.places import Places, make_runtime_dir
from kmodd.daemon.reconciler import Reconciler
from kmodd.kernel.client import LoaderClient

_QUIET_S = 0.6
"""After this long the trigger lets a pass begin at once (events/trigger.py: quiet time, two a second)."""


class Passes:
    """Passes one by one; the loop stands still between them."""

    def __init__(self, runner: asyncio.Runner, reconciler: Reconciler) -> None:
        self._runner = runner
        self._reconciler = reconciler

    @property
    def declared(self) -> tuple[str, ...]:
        """Names of the modules that are declared."""
        return tuple(each.name for each in self._reconciler.snapshot.catalog.declarations)

    def one(self) -> None:
        """One full pass. AssertionError if it found something to do: that is not what is measured."""
        self._runner.run(self._reconciler.reconcile())
        assert self._reconciler.snapshot.converged, self._reconciler.snapshot.plan

    def be_quiet(self) -> None:
        """Let the time go by that the trigger keeps between passes."""
        self._runner.run(asyncio.sleep(_QUIET_S))


@contextmanager
def passes(places: Places) -> Iterator[Passes]:
    """Passes over the files and the kernel at ``places``, the first of them over."""
    make_runtime_dir(places)
    with asyncio.Runner() as runner:
        loader = LoaderClient(places.roots)
        try:
            # The group is never entered: a pass that has nothing to do starts no task in it.
            reconciler = Daemon(asyncio.TaskGroup(), places, loader, once=True).reconciler
            running = runner.get_loop().create_task(reconciler.run())
            ready = Passes(runner, reconciler)
            ready.one()
            yield ready
            running.cancel()
        finally:
            runner.run(loader.close())
