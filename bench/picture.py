"""A run as a picture: every ratio a bar from 1 on a logarithmic scale, with spread, target and baseline."""

import math
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

from bench.documents import Run
from bench.series import Comparison
from bench.table import quantity

WIDTH, MARGIN, ROW, TOP = 960, 24, 54, 64
_SCALE_LEFT, _SCALE_RIGHT = 420, WIDTH - 90
# Attributes and no style sheet: not everything that shows SVG knows CSS.
_LOOKS = {
    "": 'font-size="13" fill="#222"',
    "small": 'font-size="11" fill="#666"',
    "better": 'fill="#3b7a57"',
    "worse": 'fill="#b5543c"',
    "axis": 'stroke="#bbb" stroke-dasharray="2 3"',
    "spread": 'stroke="#222"',
    "target": 'stroke="#111" stroke-width="2"',
    "baseline": 'fill="none" stroke="#111"',
}


def draw(run: Run, baseline: Mapping[str, float]) -> str:
    """An SVG document; ``baseline`` is ratios by name."""
    height = TOP + ROW * len(run.comparisons) + 4 * MARGIN
    scale = Scale.over(run, baseline)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        _text(MARGIN, 28, "kmodd beside its peers: ratio, logarithmic, less is better"),
        _text(
            MARGIN, 46, "bar: ratio; thin line: single rounds; thick mark: target; ring: baseline", "small"
        ),
        *_axis(scale, height - 3 * MARGIN),
    ]
    for number, each in enumerate(run.comparisons):
        parts += _bar(each, TOP + ROW * number + ROW // 2, scale, baseline.get(each.name))
    facts = [f"{key} {value}" for key, value in run.machine.items()]
    parts += [_text(MARGIN, height - 24, ", ".join(facts[:3]), "small")]
    parts += [_text(MARGIN, height - 8, ", ".join(facts[3:]), "small"), "</svg>"]
    return "\n".join(parts) + "\n"


class Scale:
    """Ratios to horizontal positions, by whole powers of ten."""

    def __init__(self, least: float, most: float) -> None:
        self.low = math.floor(math.log10(least))
        self.high = max(math.ceil(math.log10(most)), self.low + 1)

    @classmethod
    def over(cls, run: Run, baseline: Mapping[str, float]) -> "Scale":
        """A scale that has room for everything in ``run``, and for 1."""
        values = [1.0, *(ratio for each in run.comparisons for ratio in (each.ratio, *each.ratio_spread))]
        values += [each.target for each in run.comparisons if each.target is not None]
        values += [baseline[each.name] for each in run.comparisons if each.name in baseline]
        return cls(min(values), max(values))

    def x(self, ratio: float) -> float:
        """Horizontal position in pixels."""
        part = (math.log10(ratio) - self.low) / (self.high - self.low)
        return round(_SCALE_LEFT + part * (_SCALE_RIGHT - _SCALE_LEFT), 1)


def _axis(scale: Scale, bottom: int) -> Iterator[str]:
    for power in range(scale.low, scale.high + 1):
        x = scale.x(10.0**power)
        yield f'<line {_look("axis")} x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}"/>'
        yield _text(x, bottom + 14, f"{10.0**power:g}", "small")


def _bar(each: Comparison, y: int, scale: Scale, before: float | None) -> Iterator[str]:
    """The parts of one row around the height ``y``."""
    end, one = scale.x(each.ratio), scale.x(1.0)
    least, most = map(scale.x, each.ratio_spread)
    kind = "better" if each.ratio <= 1 else "worse"
    subject, peer = (quantity(series.median, series.unit) for series in (each.subject, each.peer))
    yield _text(MARGIN, y - 4, each.name)
    yield _text(MARGIN, y + 12, f"{subject} beside {peer} ({each.peer.label})", "small")
    yield f'<rect {_look(kind)} x="{min(end, one)}" y="{y - 9}" width="{abs(end - one):.1f}" height="18"/>'
    yield f'<line {_look("spread")} x1="{least}" y1="{y}" x2="{most}" y2="{y}"/>'
    if each.target is not None:
        mark = scale.x(each.target)
        yield f'<line {_look("target")} x1="{mark}" y1="{y - 14}" x2="{mark}" y2="{y + 14}"/>'
    if before is not None:
        yield f'<circle {_look("baseline")} cx="{scale.x(before)}" cy="{y}" r="5"/>'
    yield _text(max(end, one, most) + 8, y + 5, f"{each.ratio:.3g}")


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    return f'<text {_look(kind)} x="{x}" y="{y}">{escape(text)}</text>'


def _look(kind: str) -> str:
    return f'class="{kind}" {_LOOKS[kind]}' if kind else _LOOKS[kind]
