"""``kmoddctl reload`` and ``reconcile``: the files in force, and a whole pass."""

from collections.abc import Iterable

from kmodd.cli.bus.manager import ask
from kmodd.cli.look.plan import why_nothing
from kmodd.cli.terminal.output import NOT_IN_ORDER, Options, Output
from kmodd.cli.terminal.render import Style
from kmodd.cli.terminal.rows import UNSOLVED, is_unsolved, result_lines
from kmodd.names import printable
from kmodd.shown import OutcomeRow


def reload(_options: Options, output: Output) -> int:
    """Have the files compiled; raises INVALID_CONFIG with every message."""
    with ask() as manager:
        generation = manager.reload()
    output.show({"generation": generation}, lambda _: (f"generation {generation} is in force",))
    return 0


def reconcile(_options: Options, output: Output) -> int:
    """One whole pass, and what came of it."""
    with ask() as manager:
        results = manager.reconcile()
        nothing = why_nothing(manager) if not results else ""
    output.show(results, lambda style: _with_advice(results, style) if results else (nothing,))
    return NOT_IN_ORDER if is_unsolved(results) else 0


def _with_advice(results: tuple[OutcomeRow, ...], style: Style) -> Iterable[str]:
    """And where to look for what was not done."""
    unsolved = sorted({each.module for each in results if each.outcome in UNSOLVED})
    advice = [f"kmoddctl status {printable(name)} says why" for name in unsolved]
    return (*result_lines(results, style), *advice)
