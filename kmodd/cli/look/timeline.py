"""``kmoddctl timeline``: which module was loaded when, and how long it took, as text or as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from kmodd.cli.bus.manager import ask
from kmodd.cli.bus.modules import all_modules
from kmodd.cli.look.module import time_text
from kmodd.cli.terminal.output import Options, Output
from kmodd.cli.terminal.render import BOLD, DIM, GREEN, Cell, Style, columns, paint
from kmodd.cli.terminal.svg import COLOURS, LETTER, LINE, box, label, picture
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import ModuleStatus, Stage

BREAK_US = 10_000_000
"""So long without a load is another occasion: one axis for both would show neither."""
_BAR, _SHORT_BAR = 40, 10
_NOTHING = "kmodd has loaded nothing in this boot"
_WIDTH, _MARGIN, _TICKS = 900, 20, 5
_SHADES = ("#a5d6a7", "#66bb6a", "#43a047", "#2e7d32", "#1b5e20")


class Load(NamedTuple):
    """A load of kmodd's; ``begun_us`` and ``loaded_us`` are CLOCK_REALTIME."""

    module: ModuleName
    begun_us: int
    loaded_us: int
    duration_us: int
    stages: tuple[Stage, ...]


def timeline(options: Options, output: Output) -> int:
    """Every managed module that kmodd itself has loaded, by the time when that began."""
    with ask() as manager:
        found = loads(all_modules(manager))
    if options.svg:
        output.show(found, lambda _style: svg(occasions(found)))
    else:
        output.show(found, lambda style: text(occasions(found), style))
    return 0


def loads(modules: Iterable[ModuleStatus]) -> tuple[Load, ...]:
    """Loads in the order in which they began."""
    found = (
        Load(m.name, m.loaded_us - m.load_duration_us, m.loaded_us, m.load_duration_us, m.stages)
        for m in modules
        if m.loaded_us
    )
    return tuple(sorted(found, key=lambda load: (load.begun_us, load.module)))


def occasions(found: tuple[Load, ...]) -> list[tuple[Load, ...]]:
    """Loads that belong together, such as those of the start."""
    ends = list(_latest_ends(found))
    pairs = zip(ends, found[1:], strict=False)
    cuts = [number for number, (end, load) in enumerate(pairs, 1) if load.begun_us - end > BREAK_US]
    return [found[start:end] for start, end in pairwise((0, *cuts, len(found))) if found]


def text(groups: Iterable[tuple[Load, ...]], style: Style) -> Iterator[str]:
    """For each occasion when it was, and a row for each load with a bar on its axis."""
    nothing = True
    for group in groups:
        if not nothing:
            yield ""
        nothing = False
        yield paint(_headline(group), BOLD, style)
        yield from columns(_rows(group, style), style, 2)
    if nothing:
        yield _NOTHING


def svg(groups: list[tuple[Load, ...]]) -> Iterator[str]:
    """One axis below the other; a bar shows the stages of its load."""
    body: list[str] = []
    y: float = _MARGIN
    for group in groups:
        body.append(label(_MARGIN, y + 14, _headline(group)))
        names = max(len(load.module) for load in group) * LETTER
        left = _MARGIN + names + 2 * LETTER
        body += _axis(group, left, y + LINE, LINE * len(group))
        for row, load in enumerate(group):
            top = y + LINE * (row + 2)
            body.append(label(left - LETTER, top + 14, load.module, anchor="end"))
            body += _bars(load, group, left, top)
        y += LINE * (len(group) + 3)
    if not groups:
        body.append(label(_MARGIN, y + 14, _NOTHING))
    return picture(_WIDTH + 2 * _MARGIN, max(y, 2 * LINE + _MARGIN), "Loads of kernel modules", body)


def _latest_ends(found: Iterable[Load]) -> Iterator[int]:
    """When everything that began so far had ended."""
    latest = 0
    for load in found:
        latest = max(latest, load.loaded_us)
        yield latest


def _span_us(group: tuple[Load, ...]) -> int:
    """From the first beginning to the last end; never 0."""
    return max(1, max(load.loaded_us for load in group) - group[0].begun_us)


def _headline(group: tuple[Load, ...]) -> str:
    count = f"{len(group)} module{'s' if len(group) > 1 else ''}"
    return f"{time_text(group[0].begun_us)}: {count} in {_span_us(group) / 1000:.1f} ms"


def _rows(group: tuple[Load, ...], style: Style) -> list[tuple[Cell, ...]]:
    """When it began, how long it took, and that as a bar, which gets what the other columns leave."""
    begun = _right(f"+{(load.begun_us - group[0].begun_us) / 1000:.1f} ms" for load in group)
    took = _right(f"{load.duration_us / 1000:.1f} ms" for load in group)
    names, stages = ([get(load) for load in group] for get in (lambda load: load.module, _stages))
    others = sum(max(map(len, column)) + 2 for column in (begun, took, names))
    room = style.width - others - 6
    beside = room - max(map(len, stages))
    width = _BAR if not style.width else min(_BAR, max(beside if beside >= _SHORT_BAR else room, _SHORT_BAR))
    bars = [_bar(load, group, width) for load in group]
    return [
        (Cell(when, DIM), Cell(how_long), Cell(bar, GREEN), Cell(name, BOLD), Cell(stage, DIM))
        for when, how_long, bar, name, stage in zip(begun, took, bars, names, stages, strict=True)
    ]


def _bar(load: Load, group: tuple[Load, ...], width: int) -> str:
    offset_us, span_us = load.begun_us - group[0].begun_us, _span_us(group)
    start = min(offset_us * width // span_us, width - 1)
    length = max(1, min(load.duration_us * width // span_us, width - start))
    return f"|{' ' * start}{'=' * length}{' ' * (width - start - length)}|"


def _right(texts: Iterable[str]) -> list[str]:
    found = list(texts)
    width = max(map(len, found))
    return [text.rjust(width) for text in found]


def _stages(load: Load) -> str:
    return ", ".join(f"{stage.name} {stage.duration_us / 1000:.1f}" for stage in load.stages)


def _axis(group: tuple[Load, ...], left: float, top: float, height: float) -> Iterator[str]:
    """Vertical lines with the time since the first load began."""
    span_us, width = _span_us(group), _WIDTH + _MARGIN - left
    for tick in range(_TICKS + 1):
        x = left + width * tick / _TICKS
        place = f'x1="{x:g}" x2="{x:g}" y1="{top + LINE - 4:g}" y2="{top + LINE + height:g}"'
        yield f'<line {place} stroke="#cfd8dc"/>'
        anchor = "end" if tick == _TICKS else "middle" if tick else "start"
        yield label(x, top + 14, f"{span_us * tick / _TICKS / 1000:.1f} ms", COLOURS[DIM], anchor)


def _bars(load: Load, group: tuple[Load, ...], left: float, top: float) -> Iterator[str]:
    """A box for each stage, or one for all of the load."""
    scale = (_WIDTH + _MARGIN - left) / _span_us(group)
    x = left + (load.begun_us - group[0].begun_us) * scale
    parts = load.stages or (Stage("load", load.duration_us),)
    for part, shade in zip(parts, (_SHADES * len(parts)), strict=False):
        width = max(part.duration_us * scale, 0.5)
        took, whole = (f"{us / 1000:.1f}" for us in (part.duration_us, load.duration_us))
        tip = f"{load.module}: {part.name} {took} of {whole} ms"
        yield box(x, top + 3, width, LINE - 6, shade, tip, shade)
        x += part.duration_us * scale
