"""The plan as data, and the draft that it is written on."""

from collections.abc import Mapping
from typing import NamedTuple

from kmodd.core.memory import Memory
from kmodd.core.order import Order
from kmodd.core.resolve import DesiredState, Infos
from kmodd.model import ModuleInfo, ObservedModule, Parameter, Request
from kmodd.names import ModuleName
from kmodd.shown import EMPTY, ActionKind, ActionRow, Condition, Drift

ObservedModules = Mapping[ModuleName, ObservedModule]

OTHERS_BUSY_US = 1_000_000
"""When to look again at a module that somebody else loads or unloads, in case its uevent is lost."""


SLOW_S = 30.0
"""When an action counts as slow where nothing else is said; nothing is ended then."""


class Step(NamedTuple):
    """One action and what must be done before it: ``strong`` successfully, ``weak`` in whatever way.

    ``needs`` are all modules without which it cannot succeed, also those that are there already.
    """

    module: ModuleName
    kind: ActionKind
    request: Request
    reason: str
    detail: str = ""
    parameters: tuple[Parameter, ...] = ()
    strong: tuple[ModuleName, ...] = ()
    weak: tuple[ModuleName, ...] = ()
    timeout_s: float = SLOW_S
    needs: tuple[ModuleName, ...] = ()

    @property
    def row(self) -> ActionRow:
        """The step as ``Plan()`` shows it."""
        return ActionRow(self.module, self.kind, self.detail, self.reason)


class Verdict(NamedTuple):
    """How a module stands to what is desired of it, before the plan is carried out."""

    condition: Condition
    message: str
    drift: tuple[Drift, ...] = ()
    blockers: tuple[str, ...] = ()


class Plan(NamedTuple):
    """``steps`` in an order that obeys; a verdict for every managed module; when to look again at the latest.

    ``wake_at_us`` is CLOCK_MONOTONIC, 0 for never.
    """

    steps: tuple[Step, ...] = ()
    verdicts: Mapping[ModuleName, Verdict] = EMPTY
    wake_at_us: int = 0


class Draft:
    """A plan being made: what it is made from, and what has been written so far.

    ``reachable`` are modules that are in the kernel or have a step that brings them there; ``coming`` are
    those with a step or with an action of ours in flight.
    """

    def __init__(
        self, desired: DesiredState, order: Order, observed: ObservedModules, memory: Memory, now_us: int
    ) -> None:
        self.desired = desired
        self.order = order
        self.observed = observed
        self.memory = memory
        self.now_us = now_us
        self.steps: list[Step] = []
        self.verdicts: dict[ModuleName, Verdict] = {}
        self.reachable: set[ModuleName] = set()
        self.coming = set(memory.in_flight)
        self.wakes: list[int] = []

    @property
    def infos(self) -> Infos:
        """What the module tree knows of the managed modules."""
        return self.desired.infos

    def info(self, name: ModuleName) -> ModuleInfo:
        """What is known of one module; an empty record if nothing is."""
        return self.infos.get(name) or ModuleInfo(name)

    def add(self, step: Step) -> None:
        """Put a step at the end."""
        self.steps.append(step)
        self.coming.add(step.module)

    def held_back(self, name: ModuleName, kind: ActionKind) -> Verdict | None:
        """The verdict of a failure of this kind that stands and is not due; None if one may try."""
        attempt = self.memory.attempts.get(name)
        if attempt is None or attempt.kind is not kind:
            return None
        if attempt.next_retry_us and attempt.next_retry_us <= self.now_us:
            return None
        self.wakes.append(attempt.next_retry_us)
        return Verdict(attempt.condition, attempt.message)
