"""What a pass would do, and what it did, as lines."""

from collections.abc import Iterable

from kmodd.cli.terminal.render import BOLD, DIM, PLAIN, Cell, Style, columns
from kmodd.cli.terminal.tones import ACTIONS, OUTCOMES, toned
from kmodd.shown import ActionRow, Outcome, OutcomeRow

NOTHING = "nothing to do"
UNSOLVED = (Outcome.BLOCKED, Outcome.FAILED)


def diff(actions: Iterable[ActionRow], style: Style) -> Iterable[str]:
    """Lines of what changes in the kernel, with the reason beside each."""
    return columns(map(_action_cells, actions), style)


def _action_cells(action: ActionRow) -> tuple[Cell, ...]:
    sign, tone = ACTIONS.get(action.action, ("?", PLAIN))
    change = " ".join(filter(None, (sign, action.action, action.module, action.detail)))
    return Cell(change, tone), Cell(action.reason, DIM)


def is_unsolved(results: Iterable[OutcomeRow]) -> bool:
    """Whether anything was blocked or has failed."""
    return any(result.outcome in UNSOLVED for result in results)


def result_lines(results: Iterable[OutcomeRow], style: Style) -> list[str]:
    """What came of each action."""
    rows = [(Cell(each.module, BOLD), Cell(each.action), toned(each.outcome, OUTCOMES)) for each in results]
    return columns(rows, style)
