"""Users as this machine has them, whatever its kernel is, and through the loader."""

import asyncio
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel import tools
from kmodd.kernel.ethtool import driver_name
from kmodd.kernel.kmsg import KernelLog
from kmodd.kernel.operations import carry_out
from kmodd.kernel.roots import Roots
from kmodd.kernel.verbs import USERS
from kmodd.kernel.wire import Places, Request
from kmodd.model import User
from kmodd.names import ModuleName
from tests.adapters.loader_fixture import running
from tests.support.module_tree import ModuleTree


def _users(names: Iterable[str], roots: Roots | None = None) -> Mapping[ModuleName, tuple[User, ...]]:
    async def scenario() -> Mapping[ModuleName, tuple[User, ...]]:
        async with running(roots or Roots()) as client:
            return await client.users(map(ModuleName, names))

    return asyncio.run(scenario())


def test_a_process_that_has_a_node_open_is_found(tmp_path: Path) -> None:
    """/dev/null is served by "mem" (/proc/devices) on every kernel; many more may have it open."""
    with Path("/dev/null").open("rb") as null:
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=null)
        for name in (str(process.pid), "devices"):
            (tmp_path / name).symlink_to(f"/proc/{name}")
        try:
            found = _users(["mem"], Roots(proc=str(tmp_path)))
        finally:
            process.communicate()
    assert found == {"mem": (User("open", f"cat (process {process.pid}), which has /dev/null open", 1),)}


def test_a_mount_of_this_namespace_is_found_by_its_type() -> None:
    (proc,) = _users(["proc"]).values()
    assert User("mount", "the mount on /proc (proc)", 1) in proc


def test_an_alias_leads_from_a_type_to_its_module(tmp_path: Path) -> None:
    tree = ModuleTree(tmp_path)
    tree.add("procfs_module", [("alias", "fs-proc"), ("alias", "char-major-1-3")])
    roots = Roots(module_tree=str(tree.depmod().path))
    with Path("/dev/null").open("rb"):
        (found,) = _users(["procfs_module"], roots).values()
    kinds = {user.kind for user in found}
    assert kinds == {"mount", "open"}


def test_every_name_has_an_answer() -> None:
    names = [f"nosuch_{number}" for number in range(300)]
    assert _users(names) == dict.fromkeys(names, ())


@pytest.mark.parametrize("interface", ["lo", "nosuch0", "x" * 15, "x" * 16, "\udcff", ""])
def test_an_interface_without_a_driver_has_no_name_for_it(interface: str) -> None:
    assert driver_name(interface) == ""


def test_an_interface_with_a_driver_says_its_name() -> None:
    names = {name: driver_name(name) for name in os.listdir("/sys/class/net")}
    with_device = [name for name in names if Path(f"/sys/class/net/{name}/device/driver").exists()]
    assert all(names[name] for name in with_device)


def _no_library() -> object:
    raise KmoddError(ErrorKind.NO_LIBKMOD, "none here", "install it")


def test_without_libkmod_it_finds_what_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "Library", _no_library)
    answer = carry_out(Request(1, USERS, b'{"names": ["proc"]}'), tools.Tools(Places()), KernelLog(None))
    assert ("mount", "the mount on /proc (proc)", 1) in answer["users"]["proc"]
