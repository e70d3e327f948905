"""Hints from single files, on real inotify: parameters that are written, paths that come and go."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.events import files
from kmodd.events.hints import FileHints
from kmodd.events.trigger import Look
from kmodd.names import ModuleName

PATIENCE_S = 20.0
"""Only how long a broken watcher takes to fail a test."""

CARD, LOOP = ModuleName("card"), ModuleName("loop")
PATHS = Look(retry=True)


def written(*names: ModuleName) -> Look:
    return Look(parameters=frozenset(names))


class Hints:
    """Hints from a tree of its own, and what they told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.told: list[Look] = []
        self._news = asyncio.Event()
        self.hints = FileHints(self._notify, str(root / "sys"))

    def _notify(self, look: Look) -> None:
        self.told.append(look)
        self._news.set()

    def load(self, name: ModuleName) -> None:
        """A module with one parameter appears, or another instance of it: as in sysfs, without a sound."""
        directory = self.root / "sys/module" / name / "parameters"
        if directory.exists():
            directory.parent.rename(self.root / f"gone-{len(os.listdir(self.root))}")
        directory.mkdir(parents=True)
        (directory / "level").write_text("0\n")

    def write(self, name: ModuleName, value: str = "1") -> None:
        """As echo does with a parameter: one write, nothing created."""
        descriptor = os.open(self.root / "sys/module" / name / "parameters/level", os.O_WRONLY)
        os.write(descriptor, value.encode())
        os.close(descriptor)

    def follow(self, instances: Mapping[ModuleName, int], paths: Iterable[Path] = ()) -> None:
        self.hints.follow(instances, map(str, paths))

    async def next(self) -> set[Look]:
        """What is told from now on, all that comes at once; what was told before is forgotten."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.told:
                self._news.clear()
                await self._news.wait()
        found, self.told = set(self.told), []
        return found


Scenario = Callable[[Hints], Coroutine[Any, Any, None]]


def play(root: Path, scenario: Scenario) -> None:
    async def whole() -> None:
        hints = Hints(root)
        try:
            await scenario(hints)
        finally:
            hints.hints.close()

    asyncio.run(whole())


def test_a_parameter_that_somebody_writes(tmp_path: Path) -> None:
    async def scenario(hints: Hints) -> None:
        for name in (CARD, LOOP):
            hints.load(name)
        hints.follow({CARD: 1, LOOP: 2})
        hints.write(LOOP)
        assert await hints.next() == {written(LOOP)}
        hints.write(CARD)
        hints.write(LOOP)
        assert await hints.next() == {written(CARD, LOOP)}

    play(tmp_path, scenario)


def test_only_what_is_followed(tmp_path: Path) -> None:
    async def scenario(hints: Hints) -> None:
        for name in (CARD, LOOP):
            hints.load(name)
        hints.follow({CARD: 1, LOOP: 2})
        hints.follow({LOOP: 2})
        hints.write(CARD)
        hints.write(LOOP)
        assert await hints.next() == {written(LOOP)}

    play(tmp_path, scenario)


def test_reading_is_no_news(tmp_path: Path) -> None:
    async def scenario(hints: Hints) -> None:
        hints.load(CARD)
        hints.load(LOOP)
        hints.follow({CARD: 1, LOOP: 2})
        (tmp_path / "sys/module/card/parameters/level").read_text()
        hints.write(LOOP)
        assert await hints.next() == {written(LOOP)}

    play(tmp_path, scenario)


def test_another_instance_is_followed_when_it_is_named(tmp_path: Path) -> None:
    """sysfs is silent when a directory goes and comes; the pass that sees the new instance says so."""

    async def scenario(hints: Hints) -> None:
        for name in (CARD, LOOP):
            hints.load(name)
        hints.follow({CARD: 1, LOOP: 2})
        hints.load(CARD)
        hints.write(CARD)
        hints.write(LOOP)
        assert await hints.next() == {written(LOOP)}, "nobody knows of the new one yet"
        hints.follow({CARD: 3, LOOP: 2})
        hints.write(CARD)
        assert await hints.next() == {written(CARD)}

    play(tmp_path, scenario)


def test_a_module_without_parameters_disturbs_nobody(tmp_path: Path) -> None:
    async def scenario(hints: Hints) -> None:
        hints.load(LOOP)
        hints.follow({CARD: 1, LOOP: 2})
        hints.write(LOOP)
        assert await hints.next() == {written(LOOP)}

    play(tmp_path, scenario)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")


def _move(path: Path) -> None:
    _make(path.with_name("new"))
    path.with_name("new").rename(path)


@pytest.mark.parametrize(
    "appear",
    [_make, _move, lambda path: path.mkdir(parents=True), lambda path: path.symlink_to(path.parent)],
    ids=["written", "moved", "directory", "link"],
)
def test_a_path_comes_and_goes(tmp_path: Path, appear: Callable[[Path], None]) -> None:
    async def scenario(hints: Hints) -> None:
        path = tmp_path / "run" / "there"
        path.parent.mkdir()
        hints.follow({}, [path])
        appear(path)
        assert await hints.next() == {PATHS}
        path.rename(tmp_path / "elsewhere")
        assert await hints.next() == {PATHS}

    play(tmp_path, scenario)


def test_a_path_below_directories_that_are_not_there_yet(tmp_path: Path) -> None:
    async def scenario(hints: Hints) -> None:
        path = tmp_path / "run" / "a" / "b" / "there"
        hints.follow({}, [path])
        _make(path)
        assert await hints.next() == {PATHS}
        path.unlink()
        path.parent.rmdir()
        path.parent.parent.rename(tmp_path / "gone")
        assert await hints.next() == {PATHS}

    play(tmp_path, scenario)


def test_a_busy_directory_wakes_nobody(tmp_path: Path) -> None:
    async def scenario(hints: Hints) -> None:
        path = tmp_path / "run" / "there"
        path.parent.mkdir()
        hints.load(CARD)
        hints.follow({CARD: 1}, [path])
        for number in range(100):
            (path.parent / f"{number}").write_text("busy")
            await asyncio.sleep(0)
        hints.write(CARD)
        assert await hints.next() == {written(CARD)}, "the first that is told"
        _make(path)
        assert await hints.next() == {PATHS}

    play(tmp_path, scenario)


def test_a_path_that_came_and_went_again_is_as_before(tmp_path: Path) -> None:
    async def scenario(hints: Hints) -> None:
        path = tmp_path / "run" / "there"
        path.parent.mkdir()
        hints.load(CARD)
        hints.follow({CARD: 1}, [path])
        _make(path)
        path.unlink()
        hints.write(CARD)
        assert await hints.next() == {written(CARD)}

    play(tmp_path, scenario)


def test_following_the_same_again_forgets_nothing(tmp_path: Path) -> None:
    """What has happened between two passes is not lost because the second follows before it is told."""

    async def scenario(hints: Hints) -> None:
        path = tmp_path / "run" / "there"
        path.parent.mkdir()
        hints.follow({}, [path])
        _make(path)
        hints.follow({}, [path])
        assert await hints.next() == {PATHS}

    play(tmp_path, scenario)


@pytest.mark.parametrize("made", ["there", "new/there"])
def test_a_path_that_comes_just_before_others_are_followed(tmp_path: Path, made: str) -> None:
    async def scenario(hints: Hints) -> None:
        path = tmp_path / made
        hints.follow({}, [path])
        _make(path)
        hints.follow({CARD: 1}, [path])
        assert await hints.next() == {PATHS}

    play(tmp_path, scenario)


def test_a_path_that_is_there_from_the_start_is_no_news(tmp_path: Path) -> None:
    async def scenario(hints: Hints) -> None:
        hints.load(CARD)
        hints.follow({}, [tmp_path])
        hints.follow({CARD: 1}, [tmp_path])
        hints.write(CARD)
        assert await hints.next() == {written(CARD)}

    play(tmp_path, scenario)


def test_without_inotify_every_look_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise KmoddError(ErrorKind.FAILED, "files cannot be watched: Too many open files")

    async def scenario(hints: Hints) -> None:
        path = tmp_path / "there"
        with monkeypatch.context() as patch:
            patch.setattr(files, "Inotify", none)
            for _ in range(2):
                with pytest.raises(KmoddError):
                    hints.follow({CARD: 1}, [path])
        hints.follow({CARD: 1}, [path])
        _make(path)
        assert await hints.next() == {PATHS}

    play(tmp_path, scenario)


def test_paths_below_proc_and_sys_are_not_watched(tmp_path: Path) -> None:
    async def scenario(hints: Hints) -> None:
        path = tmp_path / "there"
        hints.follow({}, [Path("/proc/self/status"), Path("/sys/kernel/never"), path])
        _make(path)
        assert await hints.next() == {PATHS}

    play(tmp_path, scenario)
