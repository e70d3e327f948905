"""Statuses, made anew only where something that they are made from is another than at the last pass."""

from __future__ import annotations

from collections.abc import Iterable

from kmodd.core.draft import ObservedModules, Plan
from kmodd.core.memory import Memory
from kmodd.core.resolve import DesiredState
from kmodd.core.status import Grounds, grounds, module_status
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import ModuleStatus


class _Made(NamedTuple):
    """Statuses that no clock has a part in, after what they were made from."""

    desired: DesiredState
    plan: Plan
    observed: ObservedModules
    memory: Memory
    statuses: dict[ModuleName, ModuleStatus]


class KeptStatuses:
    """Those of the last pass, with their grounds. What is the same stays the very same object."""

    def __init__(self) -> None:
        self._kept: dict[ModuleName, tuple[Grounds, ModuleStatus]] = {}
        self._made: _Made | None = None

    def of(
        self,
        desired: DesiredState,
        observed: ObservedModules,
        plan: Plan,
        memory: Memory,
        clock_offset_us: int,
    ) -> dict[ModuleName, ModuleStatus]:
        """As core.status.module_statuses()."""
        made = self._made
        same_aim = made is not None and made.desired is desired and made.plan is plan
        if made is None or not same_aim or made[2:4] != (observed, memory):
            statuses = self._of(grounds(desired, observed, plan, memory, clock_offset_us))
            made = _Made(desired, plan, observed, memory, statuses)
            self._made = None if any(status.next_retry_us for status in statuses.values()) else made
        return dict(made.statuses)

    def _of(self, found: Iterable[Grounds]) -> dict[ModuleName, ModuleStatus]:
        before, self._kept = self._kept, {}
        for each in found:
            name = each.module.name
            known = before.get(name)
            if known is None or known[0] != each:
                known = each, module_status(each)
            self._kept[name] = known
        return {name: status for name, (_, status) in self._kept.items()}
