"""``kmoddctl apply``: the files in force and carried out, with everything that happens meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from kmodd.cli.bus.follow import Event, Follower
from kmodd.cli.bus.manager import Manager, ask
from kmodd.cli.bus.standing import Row
from kmodd.cli.look.advice import idleness
from kmodd.cli.look.overview import count_text
from kmodd.cli.look.watch import line
from kmodd.cli.look.wrong import wrong_lines
from kmodd.cli.terminal.output import NOT_IN_ORDER, Options, Output
from kmodd.cli.terminal.render import Style
from kmodd.cli.terminal.rows import is_unsolved, result_lines
from kmodd.cli.terminal.tones import in_order
from kmodd.errors import ErrorKind, KmoddError
from kmodd.named_tuple import NamedTuple
from kmodd.shown import OutcomeRow


class Applied(NamedTuple):
    """What came of it: ``outcomes`` of every action, and all ``modules`` as they stand then."""

    generation: int
    outcomes: tuple[OutcomeRow, ...]
    modules: tuple[Row, ...]

    @property
    def wrong(self) -> tuple[Row, ...]:
        """Modules that are not as declared."""
        return tuple(row for row in self.modules if not in_order(row.condition))


class Carried(NamedTuple):
    """``applied``, the error that files have, if any, and why kmodd is idle (advice.idleness)."""

    applied: Applied
    refused: KmoddError | None
    idle: str


def apply(_options: Options, output: Output) -> int:
    """Compile and reconcile; raises INVALID_CONFIG at the end: what is right is in force by then."""
    with ask() as manager:
        carried = carried_out(manager, output)
    applied = carried.applied
    output.show(applied, lambda style: carried_lines(carried, style))
    if carried.refused is not None:
        output.stream.flush()
        raise carried.refused
    return NOT_IN_ORDER if applied.wrong or is_unsolved(applied.outcomes) else 0


def carried_out(manager: Manager, output: Output) -> Carried:
    """Have the files compiled and a pass made, with a line for each module that changes meanwhile."""
    outcomes: list[OutcomeRow] = []

    def told(event: Event) -> None:
        if isinstance(event, OutcomeRow):
            outcomes.append(event)
        elif isinstance(event, Row) and not output.json:
            output.stream.write(f"{line(event, output.style)}\n")
            output.stream.flush()

    Follower(manager, told).begin()
    refused = _refused(manager)
    rows = manager.reconcile()
    # The signal of the pass comes before the answer, unless it is longer than a signal may be.
    told_last = tuple(outcomes[-len(rows) :]) if rows else ()
    if told_last != rows:
        outcomes.extend(rows)
    overview = manager.overview()
    applied = Applied(overview.generation, tuple(outcomes), manager.modules())
    return Carried(applied, refused, idleness(overview))


def carried_lines(carried: Carried, style: Style) -> Iterable[str]:
    """What was done, then what is still not as declared."""
    applied = carried.applied
    if applied.outcomes:
        yield ""
        yield from result_lines(applied.outcomes, style)
    yield from wrong_lines(applied.wrong, style, carried.idle)
    yield from ("",) if applied.wrong else ()
    yield f"generation {applied.generation}: {count_text(applied.modules, applied.wrong)}"


def _refused(manager: Manager) -> KmoddError | None:
    try:
        manager.reload()
    except KmoddError as error:
        if error.kind is not ErrorKind.INVALID_CONFIG:
            raise
        return error
    return None
