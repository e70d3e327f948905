"""``kmoddctl plan``: what a pass would do now, as the daemon says."""

from kmodd.cli.bus.manager import Manager, ask
from kmodd.cli.terminal.output import Options, Output
from kmodd.cli.terminal.rows import NOTHING, diff
from kmodd.errors import ErrorKind, KmoddError

_NOTHING_NOW = "nothing to do now; kmoddctl status shows what is not as declared"


def plan(options: Options, output: Output) -> int:
    """What a pass would do now, as the daemon says, or of files alone. Raises INVALID_ARGUMENT."""
    if options.offline:
        # Compiles files, which needs much more than asking the daemon does.
        from kmodd.cli.offline.plan import plan_offline  # noqa: PLC0415

        return plan_offline(options, output)
    if options.root is not None or options.kernel is not None:
        message = "--root and --kernel are about files, and kmodd is about the running kernel"
        raise KmoddError(ErrorKind.INVALID_ARGUMENT, message, "add --offline")
    with ask() as manager:
        actions = manager.plan()
        nothing = why_nothing(manager) if not actions else ""
    output.show(actions, lambda style: diff(actions, style) if actions else (nothing,))
    return 0


def why_nothing(manager: Manager) -> str:
    """What to say where nothing is done: that may be because something is beyond a pass."""
    return NOTHING if manager.overview().converged else _NOTHING_NOW
