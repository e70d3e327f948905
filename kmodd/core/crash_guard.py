"""What crashed in this boot, and what may have brought down an earlier one: said, and put off to the end."""

from collections.abc import Collection, Iterable

from kmodd.action import ActionKind
from kmodd.core.draft import SLOW_S, Draft, Step, Verdict, crashed
from kmodd.intent import written
from kmodd.model import LoadRequest, WriteRequest
from kmodd.names import ModuleName
from kmodd.shown import Condition


def stuck(draft: Draft, name: ModuleName) -> Verdict | None:
    """Verdict on a module whose init or exit crashed in this boot; None for any other."""
    crash = draft.memory.crashes.get(name)
    if crash is None or crash.kind is ActionKind.WRITE:
        return None
    return crashed(crash.kind)


def last_and_alone(draft: Draft) -> None:
    """Put off what may have brought the machine down until all else is done, then do one of it at a time.

    So what else there is to do is done in any case, and whoever goes down with the machine is known.
    """
    suspects = [step.module for step in draft.steps if _is_suspect(draft, step)]
    flights = {name for name, flight in draft.memory.in_flight.items() if not _is_slow(draft, name)}
    trying = {n for n in flights if (n, draft.memory.in_flight[n].kind) in draft.memory.suspects}
    if trying:
        _put_off(draft, draft.steps)
    if trying or not suspects:
        return
    late = _with_dependants(draft.steps, suspects)
    waiting = _with_dependants(draft.steps, draft.memory.in_flight.keys() - flights)
    if flights or any(step.module not in late | waiting for step in draft.steps):
        _put_off(draft, [step for step in draft.steps if step.module in late])
    else:
        _put_off(draft, [step for step in draft.steps if step.module in late - {suspects[0]}])


def options_of(step: Step) -> str:
    """What an intent of this step has for options."""
    match step.request:
        case LoadRequest(options=options):
            return options
        case WriteRequest(parameters=parameters):
            return written(parameters)
        case _:
            return ""


def _is_suspect(draft: Draft, step: Step) -> bool:
    return draft.memory.suspects.get((step.module, step.kind)) == options_of(step)


def _is_slow(draft: Draft, name: ModuleName) -> bool:
    """Whether an action under way is not waited for any more."""
    verdict = draft.verdicts.get(name)
    since_us = draft.memory.in_flight[name].since_us
    is_old = draft.now_us - since_us >= int(SLOW_S * 1e6)
    return is_old or (verdict is not None and verdict.condition is Condition.LOADING_SLOW)


def _with_dependants(steps: Iterable[Step], names: Collection[ModuleName]) -> set[ModuleName]:
    """``names`` and what strongly waits for them; steps come in an order that obeys."""
    found = set(names)
    for step in steps:
        if not found.isdisjoint(step.strong):
            found.add(step.module)
    return found


def _put_off(draft: Draft, steps: Iterable[Step]) -> None:
    """Take steps out of the plan until the next one; what they were for is said as it is."""
    gone = tuple(steps)
    draft.steps = [step for step in draft.steps if step not in gone]
    for step in gone:
        verdict = draft.verdicts.get(step.module)
        if verdict is not None and _is_suspect(draft, step):
            message = f"{verdict.message}, last and alone: the machine went down during that"
            draft.verdicts[step.module] = verdict._replace(message=message)
