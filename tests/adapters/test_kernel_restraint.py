"""Proofs and options through the loader, and under the unit's restrictions."""

import asyncio
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from kmodd.kernel.roots import Roots
from kmodd.model import ConfLine, Proof, Restraint
from kmodd.names import ModuleName
from kmodd.shown import Location
from tests.adapters.loader_fixture import running
from tests.support.module_tree import ModuleTree

_DENIED = "blacklist victim\ninstall victim /bin/false\nsoftdep victim pre:\n"
_GENERATED = "00-kmodd.conf"


@pytest.fixture
def tree(tmp_path: Path) -> ModuleTree:
    tree = ModuleTree(tmp_path)
    tree.add("victim", [("alias", "pci:v00008086d*"), ("alias", "fs-victim")], exports=["victim_call"])
    tree.add("dependent", imports=["victim_call"])
    tree.add("helper")
    return tree.depmod()


def _restraint(tree: ModuleTree, denied: Iterable[str], rendered: Iterable[str]) -> Restraint:
    async def scenario() -> Restraint:
        roots = Roots(module_tree=str(tree.path), modprobe_dirs=(str(tree.modprobe_dir),))
        async with running(roots) as client:
            client.modprobe_file = str(tree.modprobe_dir / _GENERATED)
            return await client.restraint(map(ModuleName, denied), map(ModuleName, rendered))

    return asyncio.run(scenario())


def test_the_daemon_is_told_in_its_own_words(tree: ModuleTree) -> None:
    tree.configure(_GENERATED, _DENIED + "options helper n=1\n")
    tree.configure("!early.conf", "softdep victim pre: helper\n")
    victim, helper = ModuleName("victim"), ModuleName("helper")
    culprit = ConfLine(Location(str(tree.modprobe_dir / "!early.conf"), 1), "softdep victim pre: helper")
    assert _restraint(tree, [victim, "dependent"], [helper]) == Restraint(
        {
            victim: Proof(victim, 3, ("victim (by modprobe only)",), (culprit,)),
            ModuleName("dependent"): Proof(ModuleName("dependent"), 1, ("dependent",)),
        },
        {helper: "n=1"},
    )


def test_hundreds_of_modules_at_once(tree: ModuleTree) -> None:
    names = [f"ghost_{number}" for number in range(300)]
    found = _restraint(tree, names, names)
    assert list(found.proofs) == list(found.options) == names
    assert _restraint(tree, [], []) == Restraint()


_WITHOUT_EXECUTABLE_MEMORY = """
import ctypes, sys
from kmodd.kernel.denial import restrain
from kmodd.kernel.libkmod import Library
from kmodd.kernel.wire import Places
tree, conf, generated = sys.argv[1:]
library = Library()
# PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN (include/uapi/linux/prctl.h), Linux 6.3.
refused = ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
places = Places(module_tree=tree, modprobe_dirs=(conf,), modprobe_file=generated)
print(refused, *restrain(library, places, ["victim"], [])["proofs"][0]["open_ways"])
"""


def test_the_callback_works_where_no_memory_can_be_made_executable(tree: ModuleTree) -> None:
    """MemoryDenyWriteExecute= of the unit, as far as the kernel here has it."""
    arguments = [str(tree.path), str(tree.modprobe_dir), str(tree.modprobe_dir / _GENERATED)]
    command = [sys.executable, "-c", _WITHOUT_EXECUTABLE_MEMORY, *arguments]
    output = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    ).stdout
    assert output.split()[1:] == ["victim", "pci:v00008086d*", "fs-victim"]
