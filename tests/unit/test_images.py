"""The recipe of the disks: what can be said of it without making one."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.support import agent
from tests.support.images import recipe
from tests.support.images.uml_kernel import KernelNotUnderstood, copy_uml_kernel

LOADER = "lib64/ld-linux-x86-64.so.2"
LIBRARY = "lib/x86_64-linux-gnu/libc.so.6"


def tree_with(kernel: bytes, directory: Path) -> Path:
    """As much of a Debian's tree as a kernel needs."""
    for name, content in ((LOADER, b"loader"), (LIBRARY, b"library"), ("usr/bin/linux.uml", kernel)):
        path = directory / name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    return directory


def test_every_package_has_a_name_and_a_reason() -> None:
    lines = (Path(recipe.__file__).with_name("packages.txt")).read_text().splitlines()
    entries = [line.split(maxsplit=1) for line in lines if not line.startswith("#")]
    assert all(len(entry) == 2 for entry in entries)
    assert recipe.packages() == [entry[0] for entry in entries]


def test_packages_beside_those_make_stages_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, tuple[bytes, ...]]] = []

    def built(kind: str, inputs: Iterable[bytes], _make: Callable[[Path], None]) -> Path:
        made.append((kind, tuple(inputs)))
        return Path(kind)

    monkeypatch.setattr(recipe, "_built", built)
    assert recipe.unpacked("trixie") == Path("trixie-tree")
    assert recipe.unpacked("trixie", recipe.Company("-more", ("cowsay",))) == Path("trixie-tree-more")
    (_, alone), (_, more) = made
    (changed,) = [pair for pair in zip(alone, more, strict=True) if pair[0] != pair[1]]
    assert changed[1] == changed[0] + b",cowsay"


def test_the_kernel_finds_its_loader_beside_it_and_stays_as_long(tmp_path: Path) -> None:
    kernel = b"ELF" + f"/{LOADER}\0".encode() + b"rest"
    copy_uml_kernel(tree_with(kernel, tmp_path / "tree"), tmp_path / "uml")
    copy = (tmp_path / "uml/linux").read_bytes()
    assert (len(copy), copy[:3], copy[-4:]) == (len(kernel), b"ELF", b"rest")
    assert copy[3:].startswith(b"./ld-linux-x86-64.so.2\0")
    assert {path.name for path in (tmp_path / "uml").iterdir()} == {
        "linux",
        "ld-linux-x86-64.so.2",
        "libc.so.6",
    }


def test_a_kernel_with_another_loader_is_not_guessed_at(tmp_path: Path) -> None:
    with pytest.raises(KernelNotUnderstood, match="does not name"):
        copy_uml_kernel(tree_with(b"ELF /lib/ld-musl-x86_64.so.1\0", tmp_path / "tree"), tmp_path / "uml")


def test_the_agent_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    """As it lies on an image: its package alone, and an interpreter without site-packages."""
    shutil.copytree(Path(agent.__file__).parent, tmp_path / "tests/support/agent")
    script = "from tests.support.agent import agent; print(agent.serve.__name__)"
    environment = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        cwd="/",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("serve\n", "")
