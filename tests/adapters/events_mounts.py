"""Scenarios with mounts, in a mount namespace of its own."""

import asyncio
import subprocess
import tempfile
from pathlib import Path

from kmodd.events.files import FileWatcher, Interest
from tests.adapters.events_scenario import PATIENCE_S, main


async def told(news: asyncio.Queue[frozenset[str]], directory: Path) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while str(directory) not in await news.get():
            continue


def mount(directory: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "none", directory], check=True)


async def a_directory_that_was_a_mount_point() -> None:
    directory = Path(tempfile.mkdtemp())
    mount(directory)
    news: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    watcher = FileWatcher(news.put_nowait)
    watcher.want({str(directory): Interest.FILES})
    subprocess.run(["umount", directory], check=True)  # noqa: ASYNC221 - nothing else is to run here
    await told(news, directory)
    (directory / "a.toml").touch()
    await told(news, directory)
    watcher.close()


async def a_mount_makes_no_sound_and_refresh_follows_it() -> None:
    directory = Path(tempfile.mkdtemp())
    news: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    watcher = FileWatcher(news.put_nowait)
    watcher.want({str(directory): Interest.FILES})
    mount(directory)
    assert watcher.refresh() == {str(directory)}
    (directory / "a.toml").touch()
    await told(news, directory)
    watcher.close()


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (a_directory_that_was_a_mount_point, a_mount_makes_no_sound_and_refresh_follows_it)
}

if __name__ == "__main__":
    main(SCENARIOS)
