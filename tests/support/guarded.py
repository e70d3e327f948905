"""A crash guard on a simulated kernel: its files are real, its disk is as fast as the loop."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kmodd.daemon.block_file import BlockFile
from kmodd.daemon.crash_guard import CrashGuard, Surroundings
from kmodd.daemon.intent_files import GuardFiles
from kmodd.daemon.store import MemoryStore
from tests.support.simulated import SimulatedLoader
from tests.support.simulated_kernel import SimulatedKernel


def simulated_guard(
    path: Path,
    store: MemoryStore,
    kernel: SimulatedKernel,
    loader: SimulatedLoader,
    changed: Callable[[], None],
) -> CrashGuard:
    """The guard of a machine whose /proc, state directory, pstore and /run/modprobe.d are below ``path``."""
    return CrashGuard(
        Surroundings(
            GuardFiles(path / "state"),
            BlockFile(path / "run-modprobe.d"),
            store,
            kernel,
            loader,
            changed,
            proc=str(path / "proc"),
            pstore=(str(path / "pstore"),),
            in_thread=at_once,
        )
    )


async def at_once(work: Callable[..., Any], *arguments: object) -> Any:
    """On a loop whose time is virtual nothing can wait for a thread."""
    return work(*arguments)
