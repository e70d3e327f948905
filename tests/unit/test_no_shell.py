"""What kmodd never calls: shells and whatever runs what it reads; and how it starts programs."""

import ast
from functools import cache
from pathlib import Path

import pytest

import kmodd
from kmodd.kernel import libkmod

ROOT = Path(kmodd.__file__).parent
FORBIDDEN = {
    "eval",
    "exec",
    "compile",
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
}
UNTRUSTING = {"pickle", "marshal", "shelve", "shlex", "code", "pty"}
STARTING = {"subprocess.Popen", "asyncio.create_subprocess_exec", "os.posix_spawn"}
"""Every way in which kmodd starts a program; os.fork of the loader starts none."""


@cache
def nodes() -> tuple[tuple[str, ast.AST], ...]:
    """Every node of every file of kmodd."""
    return tuple(
        (path.relative_to(ROOT).as_posix(), node)
        for path in sorted(ROOT.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_bytes()))
    )


@cache
def calls() -> list[tuple[str, str, ast.Call]]:
    """Every call, with the name of what is called."""
    return [(file, ast.unparse(node.func), node) for file, node in nodes() if isinstance(node, ast.Call)]


@pytest.mark.shows("security 4")
def test_nothing_is_evaluated_and_no_shell_is_started() -> None:
    assert [(file, name) for file, name, _ in calls() if name in FORBIDDEN] == []
    keywords = [(file, keyword.arg) for file, _, call in calls() for keyword in call.keywords]
    assert [file for file, name in keywords if name in ("shell", "preexec_fn")] == []
    imported = [
        (file, alias.name) for file, node in nodes() if isinstance(node, ast.Import) for alias in node.names
    ]
    froms = [(file, node.module) for file, node in nodes() if isinstance(node, ast.ImportFrom)]
    assert [pair for pair in (*imported, *froms) if pair[1] in UNTRUSTING] == []


@pytest.mark.shows("security 4")
def test_every_program_is_started_with_an_environment_of_its_own() -> None:
    """The last of posix_spawn's three arguments is the environment."""
    started = {file: (name, call) for file, name, call in calls() if name in STARTING}
    assert set(started) == {"config/compiler.py", "initramfs/image.py", "kernel/process.py"}
    for file, (name, call) in started.items():
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        environment = ast.unparse(call.args[2]) if name == "os.posix_spawn" else given["env"]
        assert "os.environ" not in environment, file


@pytest.mark.shows("P9")
def test_no_module_is_taken_out_by_force() -> None:
    """delete_module(2) forces with O_TRUNC; kmod has a flag of its own for that, and so does insertion."""
    removals = [(file, call) for file, name, call in calls() if name.endswith("kmod_module_remove_module")]
    ((file, removal),) = removals
    assert file == "kernel/libkmod.py"
    assert ast.unparse(removal.args[1]) == "_REMOVE_NOWAIT"

    assert libkmod._REMOVE_NOWAIT == 0o4000
