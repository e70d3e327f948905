"""``kmoddctl graph``: what is loaded in which order and why, as text, for Graphviz, or as a picture."""

from collections.abc import Iterable, Iterator

from kmodd.cli.bus.manager import ask
from kmodd.cli.bus.modules import all_modules
from kmodd.cli.look.graph_model import NEEDS, Edge, Node, graph, ranks
from kmodd.cli.look.overview import NOTHING_DECLARED
from kmodd.cli.terminal.output import Options, Output
from kmodd.cli.terminal.render import BOLD, DIM, PLAIN, Cell, Style, table
from kmodd.cli.terminal.svg import COLOURS, LETTER, LINE, box, label, picture
from kmodd.cli.terminal.tones import CONDITIONS, toned
from kmodd.names import ModuleName, printable

_HEADER = ("ORDER", "MODULE", "STATE", "CONDITION", "AFTER")
_DASHES = {NEEDS: "", "requires": "", "wants": "5 3", "after": "1 3"}
_STYLES = {NEEDS: "solid", "requires": "bold", "wants": "dashed", "after": "dotted"}
_MARGIN, _COLUMN_GAP, _ROW_GAP = 20, 60, 14


def show_graph(options: Options, output: Output) -> int:
    """Every managed module, after what goes before it."""
    with ask() as manager:
        nodes = graph(all_modules(manager))
    if options.dot or options.svg:
        drawn = dot(nodes) if options.dot else svg(nodes)
        output.show(nodes, lambda _style: drawn)
    else:
        output.show(nodes, lambda style: text(nodes, style))
    return 0


def text(nodes: Iterable[Node], style: Style) -> list[str]:
    """A numbered row each."""
    rows = [
        (
            Cell(str(number), DIM),
            Cell(node.module, BOLD),
            Cell(node.state or "-"),
            toned(node.condition or "-", CONDITIONS),
            Cell(", ".join(map(_words, node.edges))),
        )
        for number, node in enumerate(nodes, 1)
    ]
    return table(_HEADER, rows, style) if rows else [NOTHING_DECLARED]


def dot(nodes: Iterable[Node]) -> Iterator[str]:
    """A digraph for dot(1); an edge leads from what goes first to what follows."""
    yield "digraph kmodd {"
    yield '  rankdir=LR; node [shape=box, fontname="monospace"];'
    for node in nodes:
        state = f"\\n{_dot(node.state)}" if node.state else ""
        yield f'  "{_dot(node.module)}" [label="{_dot(node.module)}{state}", color="{_colour(node)}"];'
        for edge in node.edges:
            look = f'style={_STYLES[edge.kind]}, tooltip="{edge.kind}"'
            yield f'  "{_dot(edge.module)}" -> "{_dot(node.module)}" [{look}];'
    yield "}"


def svg(nodes: tuple[Node, ...]) -> Iterator[str]:
    """Columns from left to right, each after those that it needs."""
    columns: dict[int, list[Node]] = {}
    rank_of = ranks(nodes)
    for node in nodes:
        columns.setdefault(rank_of[node.module], []).append(node)
    places, width = _places(columns)
    height = max(map(len, columns.values()), default=0) * (LINE + _ROW_GAP) + 2 * _MARGIN
    lines = (_line(places, node, edge) for node in nodes for edge in node.edges)
    boxes = (piece for node in nodes for piece in _drawn(places, node))
    return picture(max(width, 2 * _MARGIN), height, "Modules in the order of loading", (*lines, *boxes))


def _places(columns: dict[int, list[Node]]) -> tuple[dict[ModuleName, tuple[float, float, float]], float]:
    """Left edge, middle and width of each box, and where the last column ends."""
    places: dict[ModuleName, tuple[float, float, float]] = {}
    left: float = _MARGIN
    for _, column in sorted(columns.items()):
        width = (max(len(node.module) for node in column) + 2) * LETTER
        for row, node in enumerate(column):
            places[node.module] = left, _MARGIN + row * (LINE + _ROW_GAP) + LINE / 2, width
        left += width + _COLUMN_GAP
    return places, left - _COLUMN_GAP + _MARGIN


def _drawn(places: dict[ModuleName, tuple[float, float, float]], node: Node) -> Iterator[str]:
    left, middle, width = places[node.module]
    tip = " ".join(filter(None, (node.module, node.state, node.condition, *map(_words, node.edges))))
    yield box(left, middle - LINE / 2, width, LINE, _colour(node), tip)
    yield label(left + width / 2, middle + 4, node.module, _colour(node), "middle")


def _line(places: dict[ModuleName, tuple[float, float, float]], node: Node, edge: Edge) -> str:
    left, middle, width = places[edge.module]
    to_left, to_middle, _ = places[node.module]
    right = left + width
    bend = f"C{right + _COLUMN_GAP / 2:g} {middle:g} {to_left - _COLUMN_GAP / 2:g} {to_middle:g}"
    dashes = f' stroke-dasharray="{_DASHES[edge.kind]}"' if _DASHES[edge.kind] else ""
    path = f"M{right:g} {middle:g} {bend} {to_left:g} {to_middle:g}"
    return f'<path d="{path}" fill="none" stroke="#90a4ae"{dashes}/>'


def _words(edge: Edge) -> str:
    return edge.module if edge.kind == NEEDS else f"{edge.module} ({edge.kind})"


def _colour(node: Node) -> str:
    return COLOURS.get(CONDITIONS.get(node.condition, PLAIN), COLOURS[PLAIN])


def _dot(text: str) -> str:
    """Text within double quotes of the DOT language, where a backslash escapes."""
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')
