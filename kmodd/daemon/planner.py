"""From findings to a plan: others are kept to what is desired, and who is in the way is found out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from kmodd.core.draft import Evidence, ObservedModules, Plan
from kmodd.core.initramfs import Copies
from kmodd.core.memory import Memory
from kmodd.core.order import Order
from kmodd.core.plan import lasts, make_plan
from kmodd.core.resolve import DesiredState
from kmodd.daemon.clock import now_us
from kmodd.daemon.initramfs import InitramfsCopies
from kmodd.daemon.store import MemoryStore
from kmodd.daemon.survey import Findings
from kmodd.errors import KmoddError
from kmodd.events.trigger import Look
from kmodd.model import Settings
from kmodd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from kmodd.daemon.roles import Attributor, Restrainer

_log = logging.getLogger(__name__)


class _Made(NamedTuple):
    """A plan that lasts, after what it was made from."""

    desired: DesiredState
    order: Order
    observed: ObservedModules
    memory: Memory
    evidence: Evidence
    plan: Plan


class Planner:
    """Makes plans from findings, the memory of this boot, and what it has looked into for them."""

    def __init__(
        self,
        store: MemoryStore,
        restrainer: Restrainer,
        attributor: Attributor,
        initramfs: InitramfsCopies,
    ) -> None:
        self._store = store
        self._restrainer = restrainer
        self._attributor = attributor
        self._initramfs = initramfs
        self._made: _Made | None = None

    @property
    def problem(self) -> str:
        """Why others cannot be kept to what is desired, "" if they can."""
        return self._restrainer.problem

    @property
    def copies(self) -> Copies:
        """How what the initramfs holds stands to what others are kept to now."""
        return self._initramfs.look(self._restrainer.texts)

    @property
    def unsettled(self) -> bool:
        """Whether that is to be tried again after a while, because no event tells when it can be done."""
        return self._restrainer.unsettled

    async def restrain(self, settings: Settings, look: Look, findings: Findings, *, enforce: bool) -> None:
        """Have everybody else kept to what is desired, before anything is done about it."""
        await self._restrainer.apply(
            findings.desired,
            settings.modprobe_file,
            look=look.full or look.config,
            changed=findings.tree_changed,
            enforce=enforce,
        )

    async def plan(self, findings: Findings, ends: int) -> Plan:
        """A plan; made once more where it asks who uses a module. ``ends``: the store's, before surveying."""
        evidence = self._restrainer.evidence
        plan = self._planned(findings, evidence, ends)
        if not plan.asks:
            return plan
        try:
            users = await self._attributor.users(plan.asks)
        except KmoddError as error:
            _log.warning("who uses %s cannot be found out: %s", ", ".join(sorted(plan.asks)), error)
            return plan
        return self._planned(findings, evidence._replace(users=users), ends)

    def _planned(self, findings: Findings, evidence: Evidence, ends: int) -> Plan:
        """What ended since the survey began counts as under way: its outcome has not been looked at."""
        memory, ended = self._store.memory, self._store.ended_since(ends)
        memory = memory._replace(in_flight={**ended, **memory.in_flight})
        known = self._made
        if known is not None and _is_made_of(known, findings, memory, evidence):
            return known.plan
        desired, order, observed = findings.desired, findings.order, findings.observed
        plan = make_plan(desired, order, observed, memory, now_us(), evidence)
        self._made = _Made(desired, order, observed, memory, evidence, plan) if lasts(plan, memory) else None
        return plan


def _is_made_of(made: _Made, findings: Findings, memory: Memory, evidence: Evidence) -> bool:
    """Whether these are what a plan was made from. What is desired is one object while it is the same."""
    same_aim = made.desired is findings.desired and made.order is findings.order
    return same_aim and made[2:5] == (findings.observed, memory, evidence)
