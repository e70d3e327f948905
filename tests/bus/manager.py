"""A manager that holds data and does nothing, for what the bus shows of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from kmodd.action import ActionKind
from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import Desired, Security, Symbols
from kmodd.names import ModuleName
from kmodd.shown import (
    ActionRow,
    Condition,
    DaemonState,
    Drift,
    Initramfs,
    Issue,
    Location,
    ModuleState,
    ModuleStatus,
    Outcome,
    OutcomeRow,
    Severity,
    Source,
)

LOOP_SOURCES = (Source("parameters.max_loop", "64", Location("/etc/kmodd.d/40-loop.toml", 3, 1)),)


def status(name: str, **changes: object) -> ModuleStatus:
    """A module in order, with something in each of its properties."""
    facts: dict[str, object] = {
        "name": ModuleName(name),
        "desired": Desired.LOADED,
        "state": ModuleState.LOADED,
        "condition": Condition.IN_SYNC,
        "message": "loaded as declared",
        "parameters": {"max_loop": "64", "max_part": "15"},
        "desired_parameters": {"max_loop": "64"},
        "drift": (Drift("max_part", "16", "15"),),
        "refcount": 1,
        "holders": (ModuleName("holder"),),
        "dependencies": (ModuleName("crc32"), ModuleName("libcrc32c")),
        "memory_bytes": 1 << 33,
        "path": f"/lib/modules/6.1.0/kernel/drivers/block/{name}.ko",
        "version": "1.0",
        "srcversion": "0123456789ABCDEF",
        "loaded_us": 1_700_000_000_000_000,
        "sources": LOOP_SOURCES,
    }
    return ModuleStatus(**{**facts, **changes})  # type: ignore[arg-type]


def statuses(count: int) -> dict[ModuleName, ModuleStatus]:
    """``count`` modules, module_000 and so on."""
    return {ModuleName(f"module_{n:03}"): status(f"module_{n:03}") for n in range(count)}


@dataclass
class FakeManager:
    """Says what it was made with; ``calls`` are the changing calls that got through."""

    held: dict[ModuleName, ModuleStatus] = field(default_factory=dict)
    present: dict[ModuleName, ModuleStatus] = field(default_factory=dict)
    version: str = "0.1.0"
    generation: int = 7
    state: DaemonState = DaemonState.CONVERGED
    converged: bool = True
    paused: bool = False
    enforcing: bool = True
    kernel_release: str = "6.1.0-test"
    config_issues: tuple[Issue, ...] = ()
    initramfs: Initramfs = Initramfs.CURRENT
    security: Security = field(default_factory=lambda: Security("none"))
    calls: list[str] = field(default_factory=list)
    failure: Exception | None = None
    gate: asyncio.Event | None = None

    async def reload(self) -> int:
        await self._do("reload")
        self.generation += 1
        return self.generation

    async def reconcile(self) -> tuple[OutcomeRow, ...]:
        await self._do("reconcile")
        return tuple(OutcomeRow(name, ActionKind.LOAD, Outcome.DONE) for name in self.held)

    async def release(self, name: ModuleName) -> None:
        await self._do(f"release {name}")

    async def plan(self) -> tuple[ActionRow, ...]:
        await self._do("plan")
        return (ActionRow(ModuleName("dummy"), ActionKind.LOAD, "numdummies=3", "declared, not loaded"),)

    def modules(self) -> Mapping[ModuleName, ModuleStatus]:
        return self.held

    async def get_module(self, name: ModuleName) -> ModuleStatus:
        if name in self.present:
            self.held[name] = self.present[name]
        return self._known(name)

    async def set_override(self, name: ModuleName, values: Mapping[str, object]) -> None:
        await self._do(f"override {name} {dict(values)}")

    async def clear_override(self, name: ModuleName) -> None:
        await self._do(f"no override {name}")

    async def retry(self, name: ModuleName) -> None:
        await self._do(f"retry {name}")

    async def pause(self, *, paused: bool) -> None:
        await self._do("pause" if paused else "resume")
        self.paused = paused

    async def create_checkpoint(self, timeout_s: int) -> str:
        await self._do(f"checkpoint {timeout_s}")
        return "0123"

    async def commit(self, checkpoint: str) -> None:
        await self._do(f"commit {checkpoint}")

    async def roll_back(self, checkpoint: str) -> None:
        await self._do(f"roll back {checkpoint}")

    async def symbols(self, name: ModuleName) -> Symbols:
        self._known(name)
        return Symbols((("printk", ""), ("ip_vs_conn_put", "ip_vs")), ("own_symbol",))

    def explain(self, name: ModuleName) -> tuple[Source, ...]:
        return self._known(name).sources

    def _known(self, name: ModuleName) -> ModuleStatus:
        if self.failure:
            raise self.failure
        if name not in self.held:
            raise KmoddError(ErrorKind.NOT_FOUND, f"there is no module {name}")
        return self.held[name]

    async def _do(self, call: str) -> None:
        if self.gate:
            await self.gate.wait()
        if self.failure:
            raise self.failure
        self.calls.append(call)


def issue(message: str = "unknown key 'paramters'", hint: str = "did you mean 'parameters'?") -> Issue:
    """An error in a file."""
    place = Location("/etc/kmodd.d/broken.toml", 4, 2)
    return Issue(Severity.ERROR, "unknown-key", message, hint, place)
