"""The plan as data, and the draft that it is written on."""

from __future__ import annotations

from collections.abc import Mapping

from kmodd.action import ActionKind
from kmodd.core.crash import crash_sentence, why
from kmodd.core.memory import Memory
from kmodd.core.order import Order
from kmodd.core.parameters import options_string
from kmodd.core.resolve import DesiredModule, DesiredState
from kmodd.model import ModuleInfo, ObservedModule, Parameter, Proof, Request, User
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import EMPTY, ActionRow, Condition, Drift, FailureCode, ModuleState

ObservedModules = Mapping[ModuleName, ObservedModule]

OTHERS_BUSY_US = 1_000_000
"""When to look again at a module that somebody else loads or unloads, in case its uevent is lost."""

LONGEST_LOOK_US = 300_000_000
"""How far apart looks at something get that no event tells of; each waits as long as all before together."""

SLOW_S = 30.0
"""When an action counts as slow where nothing else is said; nothing is ended then."""


class Step(NamedTuple):
    """One action and what must be done before it: ``strong`` successfully, ``weak`` in whatever way.

    ``needs`` are all modules without which it cannot succeed, also those that are there already.
    ``parameters`` are what is in force after it. ``owed``: an unload that is to be followed by a load.
    ``refcount``: an unload's, when it was planned.
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
    owed: bool = False
    refcount: int = 0

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


class Evidence(NamedTuple):
    """What was looked into because of the plan before, or of what is denied.

    ``proofs``: denied modules that were looked into, None: nothing could be (``problem`` says why).
    ``users``: what uses a module and is no module; a module that is not in it has not been asked about.
    """

    proofs: Mapping[ModuleName, Proof] = EMPTY
    users: Mapping[ModuleName, tuple[User, ...]] = EMPTY
    problem: str = ""


class Plan(NamedTuple):
    """``steps`` in an order that obeys; a verdict for every managed module; when to look again at the latest.

    ``wake_at_us`` is CLOCK_MONOTONIC, 0 for never. ``asks``: modules whose users should be known to plan
    well. ``waits``: modules of which something is awaited that no event tells of. ``mended``: modules whose
    failed writes stand for nothing any more. ``barred``: modules that nobody is to load.
    """

    steps: tuple[Step, ...] = ()
    verdicts: Mapping[ModuleName, Verdict] = EMPTY
    wake_at_us: int = 0
    asks: frozenset[ModuleName] = frozenset()
    waits: frozenset[ModuleName] = frozenset()
    mended: frozenset[ModuleName] = frozenset()
    barred: frozenset[ModuleName] = frozenset()


def crashed(kind: ActionKind) -> Verdict:
    """What crashed in this boot is done by nobody."""
    return Verdict(Condition.FAILED, f"{FailureCode.OOPS}: {crash_sentence(kind)}")


def forbidden(memory: Memory, name: ModuleName, kind: ActionKind, options: str) -> Verdict | None:
    """Why the crash guard does not let an action be made at all; None if it has nothing against it."""
    crash = memory.crashes.get(name)
    if crash is not None and (crash.kind is kind or crash.kind is not ActionKind.WRITE):
        return crashed(crash.kind)
    quarantine = memory.quarantines.get((name, kind))
    if quarantine is None or quarantine.options != options:
        return None
    return Verdict(Condition.QUARANTINED, why(quarantine))


def only_reported(plan: Plan, but: str = "kmodd only reports") -> Plan:
    """``plan`` where nothing of it is carried out: its verdicts say so, in the words of ``but``."""
    if not plan.steps:
        return plan
    told = {step.module: plan.verdicts[step.module] for step in plan.steps if step.module in plan.verdicts}
    changed = {n: v._replace(message=f"{v.message}; but {but}") for n, v in told.items()}
    return plan._replace(verdicts={**plan.verdicts, **changed})


class Draft:
    """A plan being made: what it is made from, and what has been written so far.

    ``reachable`` are modules that can be used or have a step that brings them there; ``coming`` are those
    with a step or with an action of ours in flight; ``leaving`` those of them that go. ``unsettled`` are
    modules that others are to go after and that are not ready yet.
    """

    def __init__(
        self,
        desired: DesiredState,
        order: Order,
        observed: ObservedModules,
        memory: Memory,
        evidence: Evidence,
        now_us: int,
    ) -> None:
        self.desired = desired
        self.infos = desired.infos
        self.order = order
        self.observed = observed
        self.memory = memory
        self.evidence = evidence
        self.now_us = now_us
        self.steps: list[Step] = []
        self.verdicts: dict[ModuleName, Verdict] = {}
        self.reachable: set[ModuleName] = set()
        self.unsettled: set[ModuleName] = set()
        self.coming = {n for n, flight in memory.in_flight.items() if flight.kind is not ActionKind.WRITE}
        self.leaving = {n for n, flight in memory.in_flight.items() if flight.kind is ActionKind.UNLOAD}
        self.wakes: list[int] = []
        self.asks: set[ModuleName] = set()
        self.waits: set[ModuleName] = set()
        self.mended: set[ModuleName] = set()
        self.barred: set[ModuleName] = set()
        self.owed = set(memory.owed)
        self.rivals = desired.rivals

    def options(self, module: DesiredModule) -> str:
        """What it is loaded with."""
        return options_string(self.info(module.name).options, module.parameters)

    def info(self, name: ModuleName) -> ModuleInfo:
        """What is known of one module; an empty record if nothing is."""
        return self.infos.get(name) or ModuleInfo(name)

    def is_in(self, name: ModuleName) -> bool:
        """Whether a module is in the kernel, in whatever state, or comes there by this plan."""
        here = name in self.observed or name in self.coming or self.is_builtin(name)
        return here and name not in self.leaving

    def is_builtin(self, name: ModuleName) -> bool:
        """Whether a module is part of this kernel, as far as it was asked about."""
        info = self.infos.get(name)
        return info is not None and info.builtin

    def returns(self, name: ModuleName) -> bool:
        """Whether a module is out only to be loaded again; what fails at that has lost its place."""
        module = self.desired.modules.get(name)
        is_wanted = module is not None and not module.to_remove
        return name in self.owed and name not in self.memory.attempts and is_wanted

    def is_live(self, name: ModuleName) -> bool:
        """Whether a module is in the kernel and its init has ended."""
        seen = self.observed.get(name)
        return (seen is not None and seen.state is ModuleState.LOADED) or self.is_builtin(name)

    def add(self, step: Step) -> None:
        """Put a step at the end."""
        self.steps.append(step)
        if step.kind is not ActionKind.WRITE:
            self.coming.add(step.module)
        if step.kind is ActionKind.UNLOAD:
            self.leaving.add(step.module)
        if step.owed:
            self.owed.add(step.module)

    def withdraw(self, name: ModuleName) -> None:
        """What was to be written is set by a load as well, and that is to come."""
        self.steps = [step for step in self.steps if step.module != name]

    def forbidden(self, name: ModuleName, kind: ActionKind, options: str) -> Verdict | None:
        """Why the crash guard does not let an action be made at all; None if it has nothing against it."""
        verdict = forbidden(self.memory, name, kind, options)
        if verdict is not None and verdict.condition is Condition.QUARANTINED and kind is ActionKind.LOAD:
            self.barred.add(name)
        return verdict

    def held_back(self, name: ModuleName, kind: ActionKind, options: str = "") -> Verdict | None:
        """The verdict of what keeps an action from being tried now: the crash guard, its failure, or its
        success without lasting effect; None if one may try. ``options`` are those of a load."""
        forbidden = self.forbidden(name, kind, options)
        if forbidden is not None:
            return forbidden
        attempt = self.memory.attempts.get(name)
        if attempt is not None and attempt.kind is kind and not self._is_due(attempt.next_retry_us):
            return Verdict(attempt.condition, attempt.message)
        return self.put_off(name, kind)

    def put_off(self, name: ModuleName, kind: ActionKind) -> Verdict | None:
        """As ``held_back``, for an action that has nothing to do with one that failed."""
        success = self.memory.successes.get((name, kind))
        if success is not None and not self._is_due(success.next_us):
            return Verdict(
                Condition.BACKING_OFF, f"{_DONE[kind]} {_often(success.times)}, and undone each time"
            )
        return None

    def _is_due(self, when_us: int) -> bool:
        """Whether a time has come (0: never comes by itself); one that has not is woken up for."""
        if when_us and when_us <= self.now_us:
            return True
        self.wakes.append(when_us)
        return False

    def waited_us(self, name: ModuleName) -> int:
        """How long this instance of a module has been waited for; from now on, if it was not yet."""
        self.waits.add(name)
        wait, seen = self.memory.waits.get(name), self.observed.get(name)
        if wait is None or seen is None or wait.instance != seen.instance:
            return 0
        return self.now_us - wait.since_us

    def look_again(self, name: ModuleName) -> None:
        """No event tells when this ends: look at it now and then, ever less often."""
        pause_us = min(max(self.waited_us(name), OTHERS_BUSY_US), LONGEST_LOOK_US)
        self.wakes.append(self.now_us + pause_us)

    def plan(self) -> Plan:
        """What has been written."""
        return Plan(
            tuple(self.steps),
            self.verdicts,
            min((wake for wake in self.wakes if wake), default=0),
            frozenset(self.asks),
            frozenset(self.waits),
            frozenset(self.mended),
            frozenset(self.barred),
        )


_DONE = {ActionKind.LOAD: "loaded", ActionKind.UNLOAD: "taken out", ActionKind.WRITE: "written"}


def _often(times: int) -> str:
    return "a moment ago" if times == 1 else f"{times} times"
