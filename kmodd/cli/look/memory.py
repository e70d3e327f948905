"""``kmoddctl memory``: how much of the kernel's memory the modules take that kmodd knows of."""

from __future__ import annotations

from collections.abc import Iterable

from kmodd.cli.bus.manager import ask
from kmodd.cli.look.module import bytes_text
from kmodd.cli.terminal.output import Options, Output
from kmodd.cli.terminal.render import BOLD, Cell, Style, columns, table
from kmodd.named_tuple import NamedTuple

_HEADER = ("MEMORY", "MODULE")


class Share(NamedTuple):
    """A module in the kernel, and the bytes that its sections take."""

    name: str
    memory_bytes: int


def memory(_options: Options, output: Output) -> int:
    """List modules, the largest first, and their sum."""
    with ask() as manager:
        found = manager.memory()
    shares = [Share(name, size) for name, size in found.items() if size]
    shares.sort(key=lambda share: (-share.memory_bytes, share.name))
    total = sum(share.memory_bytes for share in shares)
    output.show({"modules": tuple(shares), "total_bytes": total}, lambda style: _lines(shares, total, style))
    return 0


def _lines(shares: list[Share], total: int, style: Style) -> Iterable[str]:
    sizes = [bytes_text(size) for size in (*(share.memory_bytes for share in shares), total)]
    width = max(len(_HEADER[0]), *map(len, sizes))
    rows = [
        (Cell(size.rjust(width)), Cell(share.name, BOLD)) for size, share in zip(sizes, shares, strict=False)
    ]
    count = f"{len(shares)} module{'' if len(shares) == 1 else 's'}"
    yield from table((_HEADER[0].rjust(width), _HEADER[1]), rows, style) if rows else ()
    yield from columns([(Cell(sizes[-1].rjust(width), BOLD), Cell(count))], style)
