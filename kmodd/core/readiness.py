"""``ready``: a module that is live, and what has to appear before others go on."""

from kmodd.core.conditions import describe_ready
from kmodd.core.draft import Draft, Verdict
from kmodd.core.resolve import DesiredModule
from kmodd.shown import Condition, FailureCode


def awaited(draft: Draft, module: DesiredModule) -> Verdict | None:
    """The verdict on a live module that is not ready; None for one that is. Never ready is a failure.

    What was there before the load counts as well: nobody can tell who made it.
    """
    ready = module.declaration.ready if module.declaration else None
    if ready is None or module.name not in draft.desired.unready:
        return None
    what = describe_ready(ready)
    left_us = int(ready.timeout_s * 1e6) - draft.waited_us(module.name)
    if left_us > 0:
        draft.unsettled.add(module.name)
        draft.wakes.append(draft.now_us + left_us)
        return Verdict(Condition.LOADING, f"in the kernel, and waits for {what}")
    sentence = f"it is in the kernel, but {what} did not appear within {ready.timeout_s:g} s"
    return Verdict(Condition.FAILED, f"{FailureCode.INIT_ERROR}: {sentence}")
