"""Hints from single files: nothing that happens between two looks goes untold."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.events import files
from kmodd.events.hints import FileHints
from kmodd.events.trigger import Look
from kmodd.names import ModuleName

M = ModuleName("m")
RETRY = Look(retry=True)

Scenario = Callable[[FileHints, list[Look]], Awaitable[None]]


def play(sys: Path, scenario: Scenario) -> None:
    """Run a scenario with hints of its own, and what they told."""

    async def whole() -> None:
        told: list[Look] = []
        hints = FileHints(told.append, str(sys))
        try:
            await scenario(hints, told)
        finally:
            hints.close()

    asyncio.run(whole())


async def events() -> None:
    """Let the loop read what inotify has."""
    for _ in range(3):
        await asyncio.sleep(0.005)


def test_a_path_that_comes_and_goes(tmp_path: Path) -> None:
    path = tmp_path / "run/kvm/flag"

    async def scenario(hints: FileHints, told: list[Look]) -> None:
        hints.follow({}, {str(path)})
        path.parent.mkdir(parents=True)
        path.touch()
        await events()
        assert told == [RETRY]
        path.unlink()
        await events()
        assert told == [RETRY, RETRY]

    play(tmp_path / "sys", scenario)


@pytest.mark.parametrize("made", ["flag", "new/flag"])
def test_a_path_that_comes_just_before_other_modules_are_followed(made: str, tmp_path: Path) -> None:
    path = tmp_path / made

    async def scenario(hints: FileHints, told: list[Look]) -> None:
        hints.follow({}, {str(path)})
        path.parent.mkdir(exist_ok=True)
        path.touch()
        hints.follow({M: 1}, {str(path)})
        await events()
        assert told == [RETRY]

    play(tmp_path / "sys", scenario)


def test_a_path_that_is_there_from_the_start_is_no_news(tmp_path: Path) -> None:
    async def scenario(hints: FileHints, told: list[Look]) -> None:
        hints.follow({}, {str(tmp_path)})
        hints.follow({M: 1}, {str(tmp_path)})
        await events()
        assert not told

    play(tmp_path / "sys", scenario)


def test_without_inotify_every_look_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise KmoddError(ErrorKind.FAILED, "files cannot be watched: Too many open files")

    async def scenario(hints: FileHints, told: list[Look]) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(files, "Inotify", none)
            for _ in range(2):
                with pytest.raises(KmoddError):
                    hints.follow({M: 1}, {str(tmp_path / "flag")})
        hints.follow({M: 1}, {str(tmp_path / "flag")})
        (tmp_path / "flag").touch()
        await events()
        assert told == [RETRY]

    play(tmp_path / "sys", scenario)
