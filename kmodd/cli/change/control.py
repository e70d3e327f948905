"""``kmoddctl retry``, ``release``, ``pause`` and ``resume``: a word to kmodd, and what came of it."""

from collections.abc import Callable

from kmodd.cli.bus.manager import Manager, ask
from kmodd.cli.bus.standing import Row
from kmodd.cli.terminal.output import NOT_IN_ORDER, Options, Output
from kmodd.cli.terminal.render import BOLD, Cell, columns
from kmodd.cli.terminal.tones import CONDITIONS, in_order, toned
from kmodd.names import ModuleName, module_name

_PAUSED = "enforcement is paused: nothing is changed until kmoddctl resume, or the next boot"
_RESUMED = "kmodd enforces what the files declare"
_REPORTS = "it is resumed; settings or kernel command line let kmodd only report"


def retry(options: Options, output: Output) -> int:
    """Try at once what failed with a module or was put off."""
    return _told(options, output, Manager.retry)


def release(options: Options, output: Output) -> int:
    """End the quarantine of a module."""
    return _told(options, output, Manager.release)


def pause(_options: Options, output: Output) -> int:
    """Stop enforcement."""
    return _pause(output, paused=True)


def resume(_options: Options, output: Output) -> int:
    """Go on with enforcement."""
    return _pause(output, paused=False)


def came_of_it(manager: Manager, name: ModuleName) -> Row:
    """How a module stands when what was begun is done; one that is in order already is not waited for."""
    row = manager.row(name)
    if not in_order(row.condition):
        manager.reconcile()
        row = manager.row(name)
    return row


def show_row(row: Row, output: Output, *, as_asked: bool) -> int:
    """Write how a module stands, in one line; the exit status."""
    cells = Cell(row.name, BOLD), Cell(row.state), toned(row.condition, CONDITIONS), Cell(row.message)
    output.show(row, lambda style: columns([cells], style))
    return 0 if as_asked else NOT_IN_ORDER


def _told(options: Options, output: Output, tell: Callable[[Manager, ModuleName], None]) -> int:
    name = module_name(options.module)
    with ask() as manager:
        tell(manager, name)
        row = came_of_it(manager, name)
    return show_row(row, output, as_asked=in_order(row.condition))


def _pause(output: Output, *, paused: bool) -> int:
    with ask() as manager:
        manager.pause(paused=paused)
        overview = manager.overview()
    resumed = _RESUMED if overview.enforcing else _REPORTS
    output.show({"paused": overview.paused}, lambda _: (_PAUSED if overview.paused else resumed,))
    return 0 if overview.paused is paused else NOT_IN_ORDER
