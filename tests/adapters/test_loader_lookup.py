"""Lookups through the loader: many, long, and while the tree changes."""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.kernel import children, tools
from kmodd.kernel.kmsg import KernelLog
from kmodd.kernel.operations import carry_out
from kmodd.kernel.roots import Roots
from kmodd.kernel.tools import Tools
from kmodd.kernel.verbs import LOAD, LOOKUP, PARAMETERS, RESTRAINT, UNLOAD, USERS, WRITE
from kmodd.kernel.wire import Places, Request
from kmodd.model import ModuleInfo
from kmodd.names import ModuleName
from tests.adapters.loader_fixture import Sandbox, children_of, running, settled
from tests.support.module_tree import ModuleTree


def _name(text: str) -> ModuleName:
    return ModuleName(text)


def _roots(tree: ModuleTree) -> Roots:
    return Roots(module_tree=str(tree.path), modprobe_dirs=(str(tree.modprobe_dir),))


def _look_up(roots: Roots, names: list[ModuleName], *with_modinfo: str) -> Mapping[ModuleName, ModuleInfo]:
    async def scenario() -> Mapping[ModuleName, ModuleInfo]:
        async with running(roots) as client:
            return await client.lookup(names, with_modinfo=frozenset(map(ModuleName, with_modinfo)))

    return asyncio.run(scenario())


def test_a_lookup_answers_for_every_name(tmp_path: Path) -> None:
    tree = ModuleTree(tmp_path, builtins=["ext4"])
    path = tree.add("plain", [("version", "3"), ("parmtype", "n:int"), ("alias", "fs-plain")])
    found = _look_up(
        _roots(tree.depmod()), list(map(ModuleName, ("plain", "ext4", "fs_plain", "nosuch"))), "plain"
    )
    assert found == {
        "plain": ModuleInfo(
            _name("plain"),
            str(path),
            has_modinfo=True,
            version="3",
            parameter_types=(("n", "int"),),
            aliases=("fs-plain",),
        ),
        "ext4": ModuleInfo(_name("ext4"), builtin=True),
        "fs_plain": ModuleInfo(_name("fs_plain"), alias_of=(_name("plain"),)),
        "nosuch": ModuleInfo(_name("nosuch")),
    }
    assert [info.exists for info in found.values()] == [True, True, False, False]


def test_two_thousand_names(tmp_path: Path) -> None:
    tree = ModuleTree(tmp_path)
    tree.add("plain")
    names = [
        ModuleName(f"a_rather_long_module_name_of_fifty_characters_{number:05}") for number in range(2000)
    ]
    found = _look_up(_roots(tree.depmod()), [*names, _name("plain"), _name("plain")], *names)
    assert list(found) == [*names, "plain"]
    assert found[_name("plain")].exists


def test_an_answer_longer_than_a_packet(tmp_path: Path) -> None:
    tree = ModuleTree(tmp_path)
    tree.add("large", [("parmtype", f"parameter_{number}:array of charp") for number in range(1000)])
    found = _look_up(_roots(tree.depmod()), [_name("large")], "large")
    assert len(found[_name("large")].parameter_types) == 1000


def test_no_names_are_no_work(tmp_path: Path) -> None:
    assert _look_up(Roots(module_tree=str(tmp_path / "nowhere")), []) == {}


def test_a_tree_that_comes_later_is_found_and_a_change_is_seen(tmp_path: Path) -> None:
    """By one and the same loader: the modules of the running kernel can be installed at any time."""
    tree = ModuleTree(tmp_path)
    plain = _name("plain")

    async def scenario() -> list[object]:
        async with running(_roots(tree)) as client:
            pid, seen = client.pid, list[object]()
            with pytest.raises(KmoddError) as caught:
                await client.lookup([plain])
            seen.append(caught.value.kind)
            tree.depmod()
            seen.append((await client.lookup([plain]))[plain].exists)
            tree.add("plain")
            tree.configure("a.conf", "options plain n=1\n")
            tree.depmod()
            seen.append((await client.lookup([plain]))[plain].options)
            assert client.pid == pid
            return seen

    assert asyncio.run(scenario()) == [ErrorKind.NO_MODULE_TREE, False, "n=1"]


@pytest.mark.parametrize(
    ("verb", "limits"),
    [(LOOKUP, [30]), (PARAMETERS, [30]), (RESTRAINT, [30]), (USERS, [30]), (LOAD, []), (WRITE, [])],
)
def test_reading_has_an_end_and_a_change_takes_what_it_takes(
    verb: bytes, limits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr(signal, "alarm", given.append)
    children.limit_time(Request(1, verb, b"{}"))
    assert given == limits


def test_a_lookup_that_hangs_and_ends_is_an_error_that_says_where_to_look(tmp_path: Path) -> None:
    tree = ModuleTree(tmp_path).depmod()
    (tree.path / "modules.softdep").unlink()
    os.mkfifo(tree.path / "modules.softdep")

    async def scenario() -> None:
        async with running(_roots(tree)) as client:
            lookup = asyncio.create_task(client.lookup([_name("plain")]))
            await settled(client)
            for pid in children_of(client.pid):
                with suppress(ProcessLookupError):  # the other one has answered
                    os.kill(pid, signal.SIGALRM)
            with pytest.raises(KmoddError) as caught:
                await lookup
            assert caught.value.kind is ErrorKind.LOADER_LOST
            assert "modprobe.d" in caught.value.hint

    asyncio.run(scenario())


def test_what_is_no_regular_file_in_modprobe_d_holds_nothing_up(tmp_path: Path) -> None:
    """libkmod would wait for a writer of the FIFO, and read the device until memory is full."""
    tree = ModuleTree(tmp_path)
    tree.add("plain")
    tree.depmod()
    os.mkfifo(tree.modprobe_dir / "hangs.conf")
    (tree.modprobe_dir / "endless.conf").symlink_to("/dev/zero")
    tree.configure("z.conf", "options plain n=1\n")
    assert _look_up(_roots(tree), [_name("plain")])[_name("plain")].options == "n=1"


def test_parameters_of_many_modules(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    (sandbox.parameters / "n").write_text("3\n")
    hung, nosuch = _name("hung"), _name("nosuch")

    async def scenario() -> Mapping[ModuleName, Mapping[str, str]]:
        async with running(sandbox.roots) as client:
            return await client.parameters([hung, nosuch])

    assert asyncio.run(scenario()) == {"hung": {"n": "3"}, "nosuch": {}}


def _no_library() -> object:
    raise KmoddError(ErrorKind.NO_LIBKMOD, "none here", "install it")


@pytest.mark.parametrize(
    ("verb", "body"),
    [(LOOKUP, b'{"names": ["x"], "with_modinfo": [], "modprobe_file": ""}'), (UNLOAD, b'{"module": "x"}')],
)
def test_without_libkmod_each_child_says_so_and_the_server_lives(
    monkeypatch: pytest.MonkeyPatch, verb: bytes, body: bytes
) -> None:
    monkeypatch.setattr(tools, "Library", _no_library)
    own = Tools(Places())
    own.prepare()
    answer = carry_out(Request(1, verb, body), own, KernelLog(None))
    assert answer == {"failure": {"kind": "no-libkmod", "message": "none here", "hint": "install it"}}
