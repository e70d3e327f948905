"""``kmoddctl symbols MODULE``: what a module's file needs of others, and what it gives."""

from __future__ import annotations

from collections.abc import Iterable

from kmodd.cli.bus.manager import ask
from kmodd.cli.terminal.output import Options, Output
from kmodd.cli.terminal.render import BOLD, DIM, Cell, Style, columns, paint
from kmodd.named_tuple import NamedTuple
from kmodd.names import module_name

_KERNEL = "the kernel"


class Needed(NamedTuple):
    """A symbol that is needed, and the ``module`` that exports it; "" for the kernel itself."""

    symbol: str
    module: str


class Symbols(NamedTuple):
    """Of one file."""

    needed: tuple[Needed, ...]
    exported: tuple[str, ...]


def symbols(options: Options, output: Output) -> int:
    """List the symbols of a module; raises NOT_FOUND."""
    name = module_name(options.module)
    with ask() as manager:
        needed, exported = manager.symbols(name)
    found = Symbols(tuple(Needed(*each) for each in sorted(needed)), tuple(sorted(exported)))
    output.show(found, lambda style: _lines(found, style))
    return 0


def _lines(found: Symbols, style: Style) -> Iterable[str]:
    """Those of modules first: what comes of the kernel itself is never missing by itself."""
    needed = sorted(found.needed, key=lambda each: (not each.module, each.module, each.symbol))
    rows = [(Cell(e.symbol), Cell(e.module, BOLD) if e.module else Cell(_KERNEL, DIM)) for e in needed]
    if rows:
        yield from (paint("Needed", BOLD, style), *columns(rows, style, 2))
    if found.exported:
        yield from ("",) if rows else ()
        yield from (paint("Exported", BOLD, style), *columns(((Cell(e),) for e in found.exported), style, 2))
    if not (rows or found.exported):
        yield "it needs no symbol and exports none"
