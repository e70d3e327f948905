"""Desired and observed state -> plan: what to do, in which order, and how each module stands before it.

Pure: the same input gives the same plan, whoever asks for it (the daemon, ``Plan()``, ``kmoddctl plan``).
"""

from kmodd.core.crash_guard import last_and_alone
from kmodd.core.draft import Draft, Evidence, ObservedModules, Plan
from kmodd.core.loads import plan_load
from kmodd.core.memory import Memory
from kmodd.core.order import Order, removal_order
from kmodd.core.resolve import DesiredState
from kmodd.core.upkeep import guarded


def make_plan(
    desired: DesiredState,
    order: Order,
    observed: ObservedModules,
    memory: Memory,
    now_us: int,
    evidence: Evidence | None = None,
) -> Plan:
    """What closes the difference now; modules with an action of ours in flight are left alone.

    ``observed`` holds what the kernel shows, with parameters for the modules that declare some; ``now_us`` is
    CLOCK_MONOTONIC.
    """
    draft = Draft(desired, order, observed, memory, evidence or Evidence(), now_us)
    leaving = desired.unwanted & observed.keys()
    removals = removal_order(desired, {name: observed[name].holders for name in leaving})
    if removals.sequence:
        _plan_removals(draft, removals)
    for name in sorted(n for n in desired.modules if n not in order.strong and n not in desired.unwanted):
        draft.verdicts[name] = guarded(draft, desired.modules[name])
    for name in order.sequence:
        draft.verdicts[name] = plan_load(draft, desired.modules[name])
    last_and_alone(draft)
    return draft.plan()


def _plan_removals(draft: Draft, order: Order) -> None:
    from kmodd.core.removals import plan_removal  # noqa: PLC0415  (daemon/later.py)

    for name in order.sequence:
        draft.verdicts[name] = plan_removal(draft, draft.desired.modules[name], order)


def lasts(plan: Plan, memory: Memory) -> bool:
    """Whether ``plan`` would be made of the same at any later time: it wakes for what only the clock decides.

    What is under way is judged by its age, and what is awaited too.
    """
    return not (plan.wake_at_us or plan.waits or memory.in_flight)
