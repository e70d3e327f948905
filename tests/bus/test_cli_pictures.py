"""``kmoddctl graph`` and ``timeline`` against the objects of kmodd on a real bus."""

import json

import pytest

from kmodd.cli.bus.manager import Manager
from kmodd.cli.bus.modules import all_modules
from kmodd.cli.bus.standing import Row
from kmodd.errors import ErrorKind, Kind, KmoddError
from kmodd.names import ModuleName
from kmodd.shown import ModuleStatus, Stage
from tests.bus.cli_tool import at_terminal, kmoddctl, use
from tests.bus.manager import FakeManager, status
from tests.bus.private_bus import Printed, PrivateBus
from tests.support.svg import parsed, texts

BASE = status("base", dependencies=(), loaded_us=0)
TOP = status(
    "top",
    dependencies=(ModuleName("base"),),
    load_duration_us=2000,
    stages=(Stage("find", 500), Stage("insert", 1500)),
)
HELD = {each.name: each for each in (TOP, BASE)}


def answered(bus: PrivateBus, asked: FakeManager, *arguments: str) -> Printed:
    """What the tool prints, asking a daemon."""
    printed: list[Printed] = []

    async def test() -> None:
        printed.append(await kmoddctl(bus, *arguments))

    use(bus, asked, test)
    assert printed[0].err == ""
    return printed[0]


def test_graph_as_text(bus: PrivateBus) -> None:
    assert answered(bus, FakeManager(HELD), "graph").out == (
        "ORDER  MODULE  STATE   CONDITION  AFTER\n"
        "1      base    loaded  in-sync\n"
        "2      top     loaded  in-sync    base\n"
    )
    assert answered(bus, FakeManager(), "graph") == Printed(0, "no file declares a module\n", "")


def test_graph_has_colour_at_a_terminal_only(bus: PrivateBus) -> None:
    async def test() -> None:
        printed = await at_terminal(bus, "graph", width=80)
        assert "\x1b[32min-sync\x1b[0m" in printed.out

    use(bus, FakeManager(HELD), test)


def test_a_plan_is_a_diff_with_colour_at_a_terminal_only(bus: PrivateBus) -> None:
    async def test() -> None:
        printed = await at_terminal(bus, "plan", width=80)
        assert printed.out.startswith("\x1b[32m+ load dummy numdummies=3\x1b[0m  \x1b[2mdeclared, not loaded")

    use(bus, FakeManager(HELD), test)
    assert answered(bus, FakeManager(HELD), "plan").out == "+ load dummy numdummies=3  declared, not loaded\n"


def test_graph_for_graphviz_and_programs(bus: PrivateBus) -> None:
    lines = answered(bus, FakeManager(HELD), "graph", "--dot").out.splitlines()
    assert '  "base" -> "top" [style=solid, tooltip="needs"];' in lines
    rows = json.loads(answered(bus, FakeManager(HELD), "graph", "--json").out)
    assert rows[1] == {
        "module": "top",
        "desired": "loaded",
        "state": "loaded",
        "condition": "in-sync",
        "edges": [{"module": "base", "kind": "needs"}],
    }


@pytest.mark.parametrize("command", ["graph", "timeline"])
@pytest.mark.parametrize("held", [{}, HELD])
def test_pictures_are_xml(bus: PrivateBus, command: str, held: dict[ModuleName, ModuleStatus]) -> None:
    printed = answered(bus, FakeManager(held), command, "--svg")
    root = parsed([printed.out])
    assert ("top" in texts(root)) is bool(held)


def test_timeline_has_what_kmodd_loaded(bus: PrivateBus) -> None:
    head, row = answered(bus, FakeManager(HELD), "timeline").out.splitlines()
    assert head == "2023-11-14 22:13:19 UTC: 1 module in 2.0 ms"
    assert row.endswith("|  top  find 0.5, insert 1.5")
    (found,) = json.loads(answered(bus, FakeManager(HELD), "timeline", "--json").out)
    assert found == {
        "module": "top",
        "begun_us": 1_699_999_999_998_000,
        "loaded_us": 1_700_000_000_000_000,
        "duration_us": 2000,
        "stages": [{"name": "find", "duration_us": 500}, {"name": "insert", "duration_us": 1500}],
    }


class _Vanishing(Manager):
    """One of two modules goes between being listed and being asked about."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    def modules(self) -> tuple[Row, ...]:
        return tuple(Row(name, "loaded", "loaded", "in-sync", "") for name in ("base", "top"))

    def module(self, name: ModuleName) -> ModuleStatus:
        if name == "base":
            raise KmoddError(self._kind, "gone")
        return TOP


def test_a_module_that_goes_meanwhile_is_left_out() -> None:
    assert all_modules(_Vanishing(ErrorKind.NOT_FOUND)) == (TOP,)
    with pytest.raises(KmoddError, match="gone"):
        all_modules(_Vanishing(ErrorKind.FAILED))
