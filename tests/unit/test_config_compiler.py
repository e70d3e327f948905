"""The daemon's side of compiling, with the real child."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kmodd.config import compiler
from kmodd.config.compile import main
from kmodd.config.compiler import load_catalog
from kmodd.config.paths import ConfigPaths
from kmodd.errors import ErrorKind, KmoddError
from kmodd.model import Catalog
from tests.support.config_tree import config_paths, drop


@pytest.fixture
def paths(tmp_path: Path) -> ConfigPaths:
    paths = config_paths(tmp_path)
    paths.runtime_dir.mkdir(parents=True)
    return paths


def _load(paths: ConfigPaths) -> Catalog:
    return asyncio.run(load_catalog(paths))


def _failure(paths: ConfigPaths) -> KmoddError:
    with pytest.raises(KmoddError) as failure:
        _load(paths)
    return failure.value


@contextmanager
def _child_held(paths: ConfigPaths) -> Iterator[None]:
    """Keep every child from getting further than to its lock."""
    with (paths.runtime_dir / "compile.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> "asyncio.Queue[Process]":
    """Every child that is started from here on."""
    children: asyncio.Queue[Process] = asyncio.Queue()
    start = asyncio.create_subprocess_exec

    async def start_and_tell(*arguments: str, **options: Any) -> Process:
        child = await start(*arguments, **options)
        children.put_nowait(child)
        return child

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start_and_tell)
    return children


def test_a_child_compiles_what_is_new_and_nothing_what_is_not(
    paths: ConfigPaths, started: "asyncio.Queue[Process]"
) -> None:
    drop(paths.directories[0], "10.toml", "[module.loop]\nparameters.max_loop = 64\n")
    first = _load(paths)
    assert [declaration.name for declaration in first.declarations] == ["loop"]
    assert _load(paths) == first
    assert started.qsize() == 1
    drop(paths.directories[0], "10.toml", "[module.nvme]\n")
    assert [declaration.name for declaration in _load(paths).declarations] == ["nvme"]
    assert started.qsize() == 2


def test_who_wants_to_know_hears_of_changed_files_before_they_are_compiled(
    paths: ConfigPaths, started: "asyncio.Queue[Process]"
) -> None:
    compiled = list[int]()

    def changed() -> None:
        compiled.append(started.qsize())

    for text in ("[module.loop]\n", "[module.nvme]\n"):
        drop(paths.directories[0], "10.toml", text)
        for _ in range(2):
            asyncio.run(load_catalog(paths, changed))
    assert compiled == [0, 1]


def test_bad_files_are_no_failure(paths: ConfigPaths) -> None:
    drop(paths.directories[0], "10.toml", "[")
    assert [issue.code for issue in _load(paths).issues] == ["syntax", "left-out"]


def test_nothing_configured_is_an_empty_catalog(paths: ConfigPaths) -> None:
    catalog = _load(paths)
    assert catalog.declarations == ()
    assert catalog.issues == ()


def test_a_damaged_catalog_is_made_again(paths: ConfigPaths, started: "asyncio.Queue[Process]") -> None:
    drop(paths.directories[0], "10.toml", "[module.loop]\n")
    catalog = _load(paths)
    paths.catalog.write_bytes(paths.catalog.read_bytes()[:-1])
    assert _load(paths) == catalog
    assert started.qsize() == 2


def test_a_child_that_is_killed_is_lost(paths: ConfigPaths, started: "asyncio.Queue[Process]") -> None:
    async def load_and_kill() -> None:
        loading = asyncio.create_task(load_catalog(paths))
        os.kill((await started.get()).pid, signal.SIGKILL)
        await loading

    with _child_held(paths), pytest.raises(KmoddError) as failure:
        asyncio.run(load_and_kill())
    assert failure.value.kind is ErrorKind.COMPILER_LOST
    assert failure.value.message == "the compiler was ended by signal 9"


def test_cancelling_ends_the_child(paths: ConfigPaths, started: "asyncio.Queue[Process]") -> None:
    async def load_and_cancel() -> int | None:
        loading = asyncio.create_task(load_catalog(paths))
        child = await started.get()
        loading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
        return child.returncode

    with _child_held(paths):
        assert asyncio.run(load_and_cancel()) == -signal.SIGKILL


def test_a_child_that_does_not_end_is_lost(paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "_TIMEOUT_S", 0.01)
    with _child_held(paths):
        assert _failure(paths).kind is ErrorKind.COMPILER_LOST


def test_a_runtime_directory_that_cannot_be_is_said(paths: ConfigPaths) -> None:
    paths.runtime_dir.rmdir()
    paths.runtime_dir.write_text("in the way")
    failure = _failure(paths)
    assert failure.kind is ErrorKind.STATE_NOT_WRITABLE
    assert failure.message == f"the catalog cannot be written: File exists: {paths.runtime_dir}"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import sys; sys.exit('no memory\\x1b[1m')", r"the compiler failed with status 1: no memory\x1b[1m"),
        ("import sys; sys.stderr.write('x' * 9_000_000); sys.exit(3)", f"failed with status 3: {'x' * 4096}"),
        ("pass", "the compiler left no catalog"),
    ],
)
def test_what_a_failing_child_says_is_bounded_and_escaped(
    paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch, program: str, message: str
) -> None:
    monkeypatch.setattr(compiler, "arguments", lambda _: [sys.executable, "-c", program])
    failure = _failure(paths)
    assert failure.kind is ErrorKind.COMPILER_LOST
    assert failure.message.endswith(message)


def test_a_child_that_cannot_be_started_is_lost(paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "arguments", lambda _: ["/nonexistent/python"])
    assert _failure(paths).message == "the compiler could not be started: No such file or directory"


@pytest.mark.shows("security 4")
def test_the_child_needs_nothing_of_its_surroundings(paths: ConfigPaths, tmp_path: Path) -> None:
    drop(paths.directories[0], "10.toml", "[module.loop]\n")
    (tmp_path / "kmodd").mkdir()
    done = subprocess.run(compiler.arguments(paths), env={}, cwd=tmp_path, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert paths.catalog.exists()


def test_the_daemon_does_not_come_to_know_pydantic_or_tomli() -> None:
    program = "import sys, kmodd.config.compiler; print(sys.modules.keys() & {'pydantic', 'tomli', 'ssl'})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout in ("set()\n", "{'ssl'}\n")


@pytest.mark.shows("fault: too much")
def test_the_limits_of_the_child_hold(paths: ConfigPaths) -> None:
    program = (
        "import sys; from kmodd.config import compile;"
        "compile._MEMORY_BYTES = 1 << 20; sys.exit(compile.main(sys.argv[1:]))"
    )
    drop(paths.directories[0], "10.toml", "[module.loop]\n" + "# filler\n" * 100_000)
    arguments = [sys.executable, "-c", program, *compiler.arguments(paths)[4:]]
    done = subprocess.run(arguments, capture_output=True, check=False, text=True)
    assert done.returncode == ErrorKind.FAILED.exit_status
    assert "memory" in done.stderr.lower()


def test_a_missing_option_is_an_error_of_use() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--settings", "/x"])
    assert ended.value.code == 2
