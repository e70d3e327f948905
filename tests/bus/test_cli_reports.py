"""kmoddctl symbols, memory and schema."""

import asyncio
import json
from dataclasses import dataclass

import pytest

from kmodd.model import Symbols
from kmodd.names import ModuleName
from tests.bus.cli_tool import kmoddctl
from tests.bus.manager import FakeManager, status, statuses
from tests.bus.private_bus import ROOT, Printed, PrivateBus
from tests.bus.test_cli_commands import ZFS, answered, manager


def test_symbols_of_modules_come_before_those_of_the_kernel(bus: PrivateBus) -> None:
    assert answered(bus, manager(), "symbols", "loop") == Printed(
        0,
        "Needed\n  ip_vs_conn_put  ip_vs\n  printk          the kernel\n\nExported\n  own_symbol\n",
        "",
    )
    assert json.loads(answered(bus, manager(), "symbols", "--json", "loop").out) == {
        "needed": [
            {"symbol": "ip_vs_conn_put", "module": "ip_vs"},
            {"symbol": "printk", "module": ""},
        ],
        "exported": ["own_symbol"],
    }
    assert answered(bus, manager(), "symbols", "nosuch").status == 4


@dataclass
class Plain(FakeManager):
    """Its modules are files without symbols."""

    async def symbols(self, _name: ModuleName) -> Symbols:
        return Symbols((), ())


def test_a_module_without_symbols(bus: PrivateBus) -> None:
    printed = answered(bus, Plain({ZFS.name: ZFS}), "symbols", "zfs")
    assert printed == Printed(0, "it needs no symbol and exports none\n", "")


def test_memory_is_listed_with_its_sum(bus: PrivateBus) -> None:
    sizes = {"loop": 40_960, "zfs": 5_242_880, "xfs": 40_960, "nouveau": 0}
    held = {ModuleName(name): status(name, memory_bytes=size) for name, size in sizes.items()}
    assert answered(bus, FakeManager(held), "memory") == Printed(
        0,
        "  MEMORY  MODULE\n 5.0 MiB  zfs\n40.0 KiB  loop\n40.0 KiB  xfs\n 5.1 MiB  3 modules\n",
        "",
    )
    shares = [{"name": name, "memory_bytes": sizes[name]} for name in ("zfs", "loop", "xfs")]
    document = json.loads(answered(bus, FakeManager(held), "--json", "memory").out)
    assert document == {"modules": shares, "total_bytes": 5_324_800}
    assert answered(bus, FakeManager(), "memory").out == "0 bytes  0 modules\n"


def test_more_modules_than_a_signal_could_tell_of(bus: PrivateBus) -> None:
    printed = answered(bus, FakeManager(statuses(2000)), "memory")
    assert (printed.status, printed.out.splitlines()[-1]) == (0, "15.6 TiB  2000 modules")


@pytest.mark.parametrize("kind", [(), ("kmodd.d",), ("kmodd.toml",)])
def test_a_schema_is_as_it_is_shipped_and_needs_no_bus(bus: PrivateBus, kind: tuple[str, ...]) -> None:
    bus.kill()
    shipped = (ROOT / f"etc/schema/{(*kind, 'kmodd.d')[0]}.schema.json").read_text()
    assert asyncio.run(kmoddctl(bus, "schema", *kind)) == Printed(0, shipped, "")
    in_a_line = asyncio.run(kmoddctl(bus, "schema", *kind, "--json")).out
    assert json.loads(in_a_line) == json.loads(shipped)
    assert in_a_line.count("\n") == 1
