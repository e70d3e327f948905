"""The parameter ladder: compare, write, reload, and else say what it takes and who is in the way."""

from __future__ import annotations

from collections.abc import Iterable

from kmodd.action import ActionKind
from kmodd.core.draft import Draft, Step, Verdict
from kmodd.core.memory import LoadRecord
from kmodd.core.parameters import assignment, same_name
from kmodd.core.reload import plan_reload
from kmodd.core.resolve import DesiredModule
from kmodd.intent import written
from kmodd.model import Declaration, ObservedModule, Parameter, ParameterPolicy, WriteRequest
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import Condition, Drift


class Gap(NamedTuple):
    """How a module in the kernel differs from what is declared: what reads otherwise (``drift``), and what
    cannot be read and was not set by kmodd (``unproven``). ``seen`` is None for a builtin that shows nothing.
    """

    seen: ObservedModule | None
    record: LoadRecord | None
    drift: tuple[Drift, ...]
    unproven: tuple[Parameter, ...]

    @property
    def text(self) -> str:
        """The difference in words."""
        if self.drift:
            return ", ".join(f"{d.parameter} is {d.found!r}, wanted {d.wanted!r}" for d in self.drift)
        if self.record is not None and self.record.loaded_us:
            return ", ".join(map(self._loaded_otherwise, self.unproven))
        return f"cannot be read back and was not set by kmodd: {', '.join(p.name for p in self.unproven)}"

    def _loaded_otherwise(self, wanted: Parameter) -> str:
        """What kmodd itself loaded it with, which nobody can have changed since."""
        given = {p.name: p.value for p in self.record.parameters} if self.record else {}
        if wanted.name in given:
            return f"{wanted.name} was loaded as {given[wanted.name]!r}, wanted {wanted.value!r}"
        return f"it was loaded without {wanted.name}, wanted {wanted.value!r}"

    def verdict(self, addition: str = "", condition: Condition | None = None) -> Verdict:
        """The difference as it stands, with what is to be said of it."""
        plain = Condition.DRIFTED if self.drift else Condition.UNVERIFIABLE
        message = f"{self.text}; {addition}" if addition else self.text
        return Verdict(condition or plain, message, self.drift)


def mend(draft: Draft, module: DesiredModule, gap: Gap) -> Verdict:
    """Take the next rung that policy and kernel allow."""
    declaration = module.declaration or Declaration(module.name)
    refused, rest = _parted(gap)
    if not rest:
        return gap.verdict(_made_of_it(refused))
    if declaration.on_parameter_change is ParameterPolicy.REPORT:
        return gap.verdict('only reported: on_parameter_change = "report"')
    writable = _written_by(rest, gap.seen)
    if writable:
        return _write(draft, module, gap, writable)
    return _unwritable(draft, declaration, gap, rest)


def _unwritable(draft: Draft, declaration: Declaration, gap: Gap, rest: tuple[Parameter, ...]) -> Verdict:
    """Parameters that are taken at a load only."""
    if gap.seen is None or draft.info(declaration.name).builtin:
        words = " ".join(f"{declaration.name}.{assignment(p)}" for p in rest)
        advice = f"it is built into this kernel: put {words} on the kernel command line and reboot"
        return gap.verdict(advice, Condition.REBOOT_PENDING)
    if declaration.on_parameter_change is ParameterPolicy.RELOAD:
        return plan_reload(draft, gap.seen, gap.verdict())
    if not gap.drift and not (gap.record and gap.record.loaded_us):
        return gap.verdict()  # whoever loaded it may have set them; of a load of its own kmodd would know
    advice = 'parameters are taken at a load only; on_parameter_change = "reload" lets kmodd do that'
    return gap.verdict(advice, Condition.RELOAD_PENDING)


def _parted(gap: Gap) -> tuple[tuple[Drift, ...], tuple[Parameter, ...]]:
    """What the module made something else of when kmodd set it, and what is still to be set."""
    ours = frozenset(gap.record.parameters) if gap.record else frozenset()
    shown = {p.name: p.value for p in gap.record.shown} if gap.record else {}
    refused = tuple(
        d for d in gap.drift if Parameter(d.parameter, d.wanted) in ours and shown.get(d.parameter) == d.found
    )
    rest = (Parameter(d.parameter, d.wanted) for d in gap.drift if d not in refused)
    return refused, (*rest, *gap.unproven)


def _made_of_it(refused: Iterable[Drift]) -> str:
    names = ", ".join(drift.parameter for drift in refused)
    return f"kmodd has set it, and the module made that of it: {names}"


def _written_by(rest: Iterable[Parameter], seen: ObservedModule | None) -> tuple[Parameter, ...]:
    """Those with a file to write."""
    files = {same_name(name) for name in seen.writable} if seen else set()
    return tuple(p for p in rest if same_name(p.name) in files)


def _write(draft: Draft, module: DesiredModule, gap: Gap, parameters: tuple[Parameter, ...]) -> Verdict:
    parameters, held = _allowed(draft, module.name, parameters)
    if held is not None:
        return gap.verdict(held.message)
    detail = " ".join(map(assignment, parameters))
    files = {same_name(name): name for name in gap.seen.writable} if gap.seen else {}
    request = WriteRequest(
        module.name, tuple(Parameter(files[same_name(p.name)], p.value) for p in parameters)
    )
    held = draft.forbidden(module.name, ActionKind.WRITE, written(request.parameters))
    if held is not None:
        return gap.verdict(held.message, held.condition)
    draft.add(Step(module.name, ActionKind.WRITE, request, gap.text, detail, parameters))
    return gap.verdict("to be written")


def _allowed(
    draft: Draft, name: ModuleName, parameters: tuple[Parameter, ...]
) -> tuple[tuple[Parameter, ...], Verdict | None]:
    """Which of them may be written now, and else what keeps all of them from it.

    One that the module does not take is no reason to leave the others as somebody has set them.
    """
    held = draft.held_back(name, ActionKind.WRITE)
    attempt = draft.memory.attempts.get(name)
    if held is None or attempt is None or not attempt.untaken:
        return parameters, held
    others = tuple(p for p in parameters if p not in attempt.untaken)
    return others, draft.put_off(name, ActionKind.WRITE) if others else held
