"""``kmoddctl plan``, ``reload`` and ``reconcile``: what a pass would do, and passes."""

from argparse import Namespace
from collections.abc import Iterable

from kmodd.cli.connect import ask
from kmodd.cli.manager import Manager
from kmodd.cli.output import NOT_IN_ORDER, Output
from kmodd.cli.render import Style
from kmodd.cli.rows import NOTHING, UNSOLVED, diff, is_unsolved, result_lines
from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import printable
from kmodd.shown import OutcomeRow

_NOTHING_NOW = "nothing to do now; kmoddctl status shows what is not as declared"


def plan(options: Namespace, output: Output) -> int:
    """What a pass would do now, as the daemon says, or of files alone. Raises INVALID_ARGUMENT."""
    if options.offline:
        # Compiles files, which needs much more than asking the daemon does.
        from kmodd.cli.offline import plan_offline  # noqa: PLC0415

        return plan_offline(options, output)
    if options.root is not None or options.kernel is not None:
        message = "--root and --kernel are about files, and kmodd is about the running kernel"
        raise KmoddError(ErrorKind.INVALID_ARGUMENT, message, "add --offline")
    with ask() as manager:
        actions = manager.plan()
        nothing = _nothing(manager) if not actions else ""
    output.show(actions, lambda style: diff(actions, style) if actions else (nothing,))
    return 0


def reload(_options: Namespace, output: Output) -> int:
    """Have the files compiled; raises INVALID_CONFIG with every message."""
    with ask() as manager:
        generation = manager.reload()
    output.show({"generation": generation}, lambda _: (f"generation {generation} is in force",))
    return 0


def reconcile(_options: Namespace, output: Output) -> int:
    """One whole pass, and what came of it."""
    with ask() as manager:
        results = manager.reconcile()
        nothing = _nothing(manager) if not results else ""
    output.show(results, lambda style: _with_advice(results, style) if results else (nothing,))
    return NOT_IN_ORDER if is_unsolved(results) else 0


def _nothing(manager: Manager) -> str:
    """What to say where nothing is done: that may be because something is beyond a pass."""
    return NOTHING if manager.overview().converged else _NOTHING_NOW


def _with_advice(results: tuple[OutcomeRow, ...], style: Style) -> Iterable[str]:
    """And where to look for what was not done."""
    unsolved = sorted({each.module for each in results if each.outcome in UNSOLVED})
    advice = [f"kmoddctl status {printable(name)} says why" for name in unsolved]
    return (*result_lines(results, style), *advice)
