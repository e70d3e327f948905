"""What kmodd generated for modprobe does not outlive the package, whichever; what others put there stays."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kmodd.core.modprobe_conf import HEADER
from kmodd.daemon.places import MODPROBE_DIRS
from kmodd.files import BLOCKED, LAST_WORD
from kmodd.model import Settings
from tests.packaging.building import PACKAGING, parsed_spec

Script = Callable[[Path], list[str]]

_OURS = f"{HEADER}\nblacklist f2fs\n"
_ETC, _RUN, _STATE = *MODPROBE_DIRS[:2], "/var/lib/kmodd"


def _rpm(root: Path) -> list[str]:
    """%preun of an erasure; what it says of units is a no-op here."""
    script = parsed_spec(root).partition("\n%preun\n")[2].partition("\n%postun\n")[0]
    return ["sh", "-euc", script, "preun", "0"]


def _rpm_upgrade(root: Path) -> list[str]:
    return [*_rpm(root)[:-1], "1"]


def _arch(_root: Path) -> list[str]:
    return ["sh", "-euc", (PACKAGING / "arch/kmodd.install").read_text() + "\npost_remove 0.1.0-1"]


def _debian(_root: Path) -> list[str]:
    return ["sh", "-euc", (PACKAGING / "debian/kmodd.postrm").read_text(), "postrm", "remove"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with what kmodd generates in its usual place."""
    for directory in (_ETC, _STATE):
        (tmp_path / directory.lstrip("/")).mkdir(parents=True)
    return tmp_path


def _run(root: Path, script: Script) -> None:
    """Run a scriptlet with every path that it knows below ``root``."""
    command = script(root)
    below = command
    for place in (_ETC, _RUN, _STATE):
        assert any(place in word for word in command)
        below = [word.replace(place, f"{root}{place}") for word in below]
    subprocess.run(below, check=True, env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


each_package = pytest.mark.parametrize("script", [_rpm, _arch, _debian], ids=["rpm", "arch", "debian"])


@each_package
def test_both_files_go_and_what_a_killed_writer_left(root: Path, script: Script) -> None:
    first = _write(root / Settings().modprobe_file.lstrip("/"), _OURS)
    _write(first.with_name(LAST_WORD), _OURS)
    _write(first.with_name(f".{first.name}.new"), "half of it")
    other = _write(first.with_name("other.conf"), _OURS)
    blocked = _write(root / _RUN.lstrip("/") / BLOCKED, _OURS)
    _run(root, script)
    assert list(first.parent.iterdir()) == [other]
    assert not blocked.exists()


@each_package
def test_the_file_goes_from_where_the_setting_puts_it(root: Path, script: Script) -> None:
    file = _write(root / "elsewhere" / "mine.conf", _OURS)
    last = _write(file.with_name(LAST_WORD), _OURS)
    _write(root / _STATE.lstrip("/") / "modprobe-file", str(file))
    _run(root, script)
    assert not file.exists()
    assert not last.exists()


@each_package
def test_what_is_somebody_elses_stays(root: Path, script: Script) -> None:
    first = _write(root / Settings().modprobe_file.lstrip("/"), "# by hand\n")
    target = _write(root / "target", _OURS)
    first.with_name(LAST_WORD).symlink_to(target)
    _write(root / _STATE.lstrip("/") / "modprobe-file", "relative/path")
    _run(root, script)
    assert first.read_text() == "# by hand\n"
    assert first.with_name(LAST_WORD).is_symlink()
    assert target.exists()


@each_package
def test_a_fifo_holds_nothing_up(root: Path, script: Script) -> None:
    fifo = root / Settings().modprobe_file.lstrip("/")
    os.mkfifo(fifo)
    _run(root, script)
    assert fifo.is_fifo()


@each_package
def test_nothing_there_is_nothing_wrong(root: Path, script: Script) -> None:
    _run(root, script)
    assert not list((root / _ETC.lstrip("/")).iterdir())


def test_an_upgrade_of_the_rpm_takes_nothing_away(root: Path) -> None:
    first = _write(root / Settings().modprobe_file.lstrip("/"), _OURS)
    _run(root, _rpm_upgrade)
    assert first.read_text() == _OURS
