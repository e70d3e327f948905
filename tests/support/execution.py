"""An executor on a simulated kernel, and steps for it."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from kmodd.action import ActionKind
from kmodd.core.draft import Step
from kmodd.daemon.examiner import Examiner
from kmodd.daemon.executor import Executor
from kmodd.daemon.store import MemoryStore
from kmodd.model import LoadRequest, Parameter, UnloadRequest
from kmodd.names import ModuleName
from tests.support.clock import run, settle
from tests.support.guarded import simulated_guard
from tests.support.kernel_parameters import KernelParameter
from tests.support.simulated import SimulatedLoader
from tests.support.simulated_kernel import SimulatedKernel, module

A, B, C, D = map(ModuleName, "abcd")
LOAD, UNLOAD = ActionKind.LOAD, ActionKind.UNLOAD


class Bench:
    """An executor on a kernel with four modules; ``changes`` counts what it reported."""

    def __init__(self, group: asyncio.TaskGroup, path: Path) -> None:
        self.kernel = SimulatedKernel(
            [module("a"), module("b"), module("c"), module("d", level=KernelParameter(mode=0))]
        )
        self.loader = SimulatedLoader(self.kernel)
        self.store = MemoryStore(path / "loads.json")
        self.changes = 0
        guard = simulated_guard(path, self.store, self.kernel, self.loader, self._changed)
        examiner = partial(Examiner, self.loader, self.kernel, self.store, guard)
        self.executor = Executor(group, self.loader, self.kernel, self.store, guard, examiner, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def gate(self, *names: ModuleName) -> None:
        """Requests for these wait from now on."""
        for name in names:
            self.loader.gates[name] = asyncio.Event()

    async def open(self, name: ModuleName) -> None:
        """Let those for ``name`` go on, and everything that follows from it."""
        self.loader.gates[name].set()
        await settle()

    async def replace(self, *steps: Step) -> None:
        """A new plan, and everything that can happen at once."""
        self.executor.replace(steps)
        await settle()

    def idle(self) -> bool:
        """Whether nothing goes on but what is slow."""
        return self.executor.idle

    def rows(self) -> list[tuple[str, str, str]]:
        """Module, action and outcome of what has ended since the last call."""
        return [(row.module, row.action, row.outcome) for row in self.executor.take_rows()]


Scenario = Callable[[Bench], Coroutine[Any, Any, None]]


def play(path: Path, scenario: Scenario) -> None:
    """Run a scenario; whatever still hangs at its end is let go."""

    async def whole() -> None:
        async with asyncio.TaskGroup() as group:
            bench = Bench(group, path)
            await scenario(bench)
            for gate in bench.loader.gates.values():
                gate.set()

    run(whole)


def load(
    name: ModuleName,
    *,
    strong: tuple[ModuleName, ...] = (),
    weak: tuple[ModuleName, ...] = (),
    parameters: tuple[Parameter, ...] = (),
    timeout_s: float = 30.0,
) -> Step:
    request = LoadRequest(name, f"/lib/modules/6.12.0-simulated/kernel/{name}.ko")
    return Step(
        name, LOAD, request, "test", parameters=parameters, strong=strong, weak=weak, timeout_s=timeout_s
    )


def unload(name: ModuleName) -> Step:
    return Step(name, UNLOAD, UnloadRequest(name), "test")
