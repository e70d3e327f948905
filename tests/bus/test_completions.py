"""Names of modules in the completions, as the real kmoddctl tells them."""

import asyncio
from pathlib import Path

import pytest

from tests.bus.cli_tool import TOOL, environment, use
from tests.bus.manager import FakeManager, statuses
from tests.bus.private_bus import PrivateBus
from tests.support.shells import SHELLS, offered


def _environment(bus: PrivateBus, home: Path) -> dict[str, str]:
    """With the tool's own directory first in PATH."""
    own = environment(bus, {"HOME": str(home)})
    return {**own, "PATH": f"{TOOL.parent}:{own['PATH']}"}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_managed_modules_are_offered(bus: PrivateBus, shell: str, tmp_path: Path) -> None:
    modules = statuses(3)

    async def test() -> None:
        given = _environment(bus, tmp_path)
        found = await asyncio.to_thread(offered, shell, "kmoddctl status mod", given, tmp_path)
        assert found == sorted(modules)

    use(bus, FakeManager(modules), test)


@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_is_offered_or_said_where_kmodd_does_not_run(
    bus: PrivateBus, shell: str, tmp_path: Path
) -> None:
    assert offered(shell, "kmoddctl explain ", _environment(bus, tmp_path), tmp_path) == []
