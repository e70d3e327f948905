"""What kmodd did since a checkpoint, as data, and the steps that take it back.

Kept is how each module was just before kmodd first did something with it. So only what kmodd did is undone;
what others did meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kmodd.action import ActionKind
from kmodd.core.memory import LoadRecord
from kmodd.core.parameters import same_name
from kmodd.model import LoadRequest, ObservedModule, Parameter, Request, UnloadRequest, WriteRequest
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName


class Before(NamedTuple):
    """A module before kmodd did something with it; ``instance`` 0: it was not in the kernel.

    ``parameters``: all that could be read. ``given``: what a load of it has to set. ``written``: names (of
    parameters.same_name) that kmodd has written since. ``out``: kmodd has taken it out, and has not seen it
    come back. ``loading``: kmodd has begun to load it and knows no end of that, which there is if it died.
    ``claimed``: the instance that such a load has left. ``tries``: how many steps of the way back were taken.
    """

    instance: int = 0
    parameters: tuple[Parameter, ...] = ()
    given: tuple[Parameter, ...] = ()
    written: frozenset[str] = frozenset()
    out: bool = False
    loading: bool = False
    claimed: int = 0
    tries: int = 0


Touched = Mapping[ModuleName, Before]


def noted(
    before: Before | None, request: Request, seen: ObservedModule | None, record: LoadRecord | None
) -> Before:
    """``before`` when ``request`` is about to be carried out on what the kernel shows as ``seen``.

    ``record`` is what kmodd did with this very instance. What others made of the module since is where a new
    count begins: that kmodd does not take back.
    """
    before = before and claimed(before, seen, record)
    if before is None or _is_others_doing(before, seen, record):
        before = Before()
        if seen is not None:
            parameters = tuple(Parameter(*item) for item in sorted(seen.parameters.items()))
            before = Before(seen.instance, parameters, record.parameters if record else ())
    names = request.parameters if isinstance(request, WriteRequest) else ()
    written = before.written | {same_name(parameter.name) for parameter in names}
    return _begun(before, request)._replace(written=written)


def noted_back(before: Before, request: Request) -> Before:
    """``before`` when a step of the way back is about to be carried out."""
    return _begun(before, request)._replace(tries=before.tries + 1)


def settled(before: Before, *, is_in: bool) -> Before:
    """``before`` when what was begun is over; ``is_in``: the module is in the kernel now."""
    return before._replace(out=before.out and not is_in, loading=False)


def _begun(before: Before, request: Request) -> Before:
    is_unload = isinstance(request, UnloadRequest)
    return before._replace(out=before.out or is_unload, loading=isinstance(request, LoadRequest))


def kind_of(request: Request) -> ActionKind:
    """What a request does."""
    match request:
        case LoadRequest():
            return ActionKind.LOAD
        case UnloadRequest():
            return ActionKind.UNLOAD
        case WriteRequest():
            return ActionKind.WRITE


def claimed(before: Before, seen: ObservedModule | None, record: LoadRecord | None) -> Before:
    """``before`` with the instance that a load has left whose end kmodd did not live to see."""
    if seen is None or record is not None or not before.loading:
        return before
    return before._replace(claimed=seen.instance)


def is_ours(before: Before, seen: ObservedModule, record: LoadRecord | None) -> bool:
    """Whether kmodd itself has loaded the instance that is there."""
    return record.loaded_us > 0 if record is not None else seen.instance == before.claimed


def _is_others_doing(before: Before, seen: ObservedModule | None, record: LoadRecord | None) -> bool:
    """Whether the module is not as kmodd left it: others have loaded it anew, or taken it out."""
    if seen is None:
        return not before.out
    return seen.instance != before.instance and not is_ours(before, seen, record)


def settable(parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """Those whose value can be given to the kernel again.

    A text parameter that nobody has set reads as "(null)" (kernel/params.c), which as a value would be
    another; a load that does not set it brings it back. Options have no way to write a double quote.
    """
    return tuple(p for p in parameters if _is_settable(p.value))


def _is_settable(value: str) -> bool:
    return value != "(null)" and value.isprintable() and '"' not in value
