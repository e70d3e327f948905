"""The file watcher on a real file system."""

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kmodd.errors import ErrorKind, KmoddError
from kmodd.events import files, inotify
from kmodd.events.files import FileWatcher, Interest
from kmodd.events.inotify import FileEvent, Inotify, Mask

PATIENCE_S = 20.0
"""Only how long a broken watcher takes to fail a test."""


class Changes:
    """What a watcher has told, and a way to wait for the next."""

    def __init__(self) -> None:
        self.told: list[frozenset[str]] = []
        self._news = asyncio.Event()

    def __call__(self, changed: frozenset[str]) -> None:
        self.told.append(changed)
        self._news.set()

    async def of(self, directory: Path) -> None:
        """Wait until ``directory`` is told to have changed; forget what was told before."""
        async with asyncio.timeout(PATIENCE_S):
            while not any(str(directory) in changed for changed in self.told):
                self._news.clear()
                await self._news.wait()
        self.told.clear()

    async def none(self, probe: Path) -> None:
        """Check that nothing was told up to now: a later change of ``probe`` is the first that is."""
        self.told.clear()
        (probe / "probe").mkdir()
        async with asyncio.timeout(PATIENCE_S):
            while not self.told:
                self._news.clear()
                await self._news.wait()
        assert self.told == [frozenset((str(probe),))]
        self.told.clear()
        (probe / "probe").rmdir()
        await self.of(probe)


@contextmanager
def watching(
    *directories: Path, interest: Interest = Interest.FILES
) -> Iterator[tuple[FileWatcher, Changes]]:
    changes = Changes()
    watcher = FileWatcher(changes)
    watcher.want({str(directory): interest for directory in directories})
    try:
        yield watcher, changes
    finally:
        watcher.close()


def kernel_watches(watcher: FileWatcher) -> int:
    """How many watches the kernel keeps (proc_pid_fdinfo(5))."""
    info = Path(f"/proc/self/fdinfo/{watcher._inotify.fileno()}").read_text()
    return info.count("inotify wd:")


def write(path: Path) -> None:
    path.write_text("[module.dummy]\n")


def replace_atomically(path: Path) -> None:
    # The new content comes from elsewhere, as from a package manager's staging directory.
    write(path.parent.parent / "staged")
    (path.parent.parent / "staged").replace(path)


def move_out(path: Path) -> None:
    path.replace(path.parent.parent / "away")


def link_softly(path: Path) -> None:
    path.with_name("new.toml").symlink_to("/dev/null")


def link_hard(path: Path) -> None:
    path.with_name("new.toml").hardlink_to(path)


@pytest.mark.parametrize(
    "change",
    [
        write,
        replace_atomically,
        move_out,
        link_softly,
        link_hard,
        Path.unlink,
        Path.touch,
        lambda path: path.chmod(0o600),
        lambda path: path.rename(path.with_name("other.toml")),
        lambda path: path.parent.chmod(0o700),
    ],
    ids=[
        "written",
        "replaced atomically",
        "moved out",
        "symlink",
        "hard link",
        "deleted",
        "touched",
        "permissions",
        "renamed",
        "permissions of the directory",
    ],
)
def test_a_change_of_a_file_is_told(tmp_path: Path, change: Callable[[Path], object]) -> None:
    directory = tmp_path / "kmodd.d"
    directory.mkdir()
    write(directory / "a.toml")

    async def scenario() -> None:
        with watching(directory) as (_, changes):
            change(directory / "a.toml")
            await changes.of(directory)

    asyncio.run(scenario())


def test_a_new_file_is_told_when_it_is_closed_and_not_before(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()

    async def scenario() -> None:
        with watching(one, two) as (_, changes):
            with (one / "a.toml").open("w"):
                await changes.none(two)
            await changes.of(one)

    asyncio.run(scenario())


def test_a_file_without_a_name_that_is_linked_in_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        with watching(tmp_path) as (_, changes):
            descriptor = os.open(tmp_path, os.O_TMPFILE | os.O_WRONLY, 0o600)
            root = os.open("/", os.O_PATH)
            # The descriptor of "/" changes nothing but makes Python follow the link (AT_SYMLINK_FOLLOW).
            os.link(f"/proc/self/fd/{descriptor}", tmp_path / "a.toml", src_dir_fd=root)
            os.close(root)
            os.close(descriptor)
            await changes.of(tmp_path)

    asyncio.run(scenario())


def test_reading_is_no_change(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    write(one / "a.toml")

    async def scenario() -> None:
        with watching(one, two) as (_, changes):
            (one / "a.toml").read_text()
            list(one.iterdir())
            await changes.none(two)

    asyncio.run(scenario())


def test_a_directory_made_later_step_by_step(tmp_path: Path) -> None:
    directory = tmp_path / "usr" / "local" / "lib" / "kmodd.d"

    async def scenario() -> None:
        with watching(directory) as (_, changes):
            for parent in (*reversed(directory.parents[:3]), directory):
                parent.mkdir()
                await asyncio.sleep(0)
            await changes.of(directory)
            write(directory / "a.toml")
            await changes.of(directory)

    asyncio.run(scenario())


def test_parents_made_in_one_go_hide_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "usr" / "lib" / "kmodd.d"

    async def scenario() -> None:
        with watching(directory) as (_, changes):
            directory.mkdir(parents=True)
            write(directory / "a.toml")
            await changes.of(directory)
            (directory / "a.toml").unlink()
            await changes.of(directory)

    asyncio.run(scenario())


def test_a_directory_replaced_by_rename(tmp_path: Path) -> None:
    directory, staged = tmp_path / "kmodd.d", tmp_path / "staged"
    directory.mkdir()

    async def scenario() -> None:
        with watching(directory) as (_, changes):
            for name in ("one", "two"):
                staged.mkdir()
                write(staged / "a.toml")
                directory.rename(tmp_path / name)
                staged.rename(directory)
                await changes.of(directory)
            write(directory / "b.toml")
            await changes.of(directory)

    asyncio.run(scenario())


def test_a_parent_moved_away_and_another_put_there(tmp_path: Path) -> None:
    directory = tmp_path / "etc" / "kmodd.d"
    directory.mkdir(parents=True)
    (tmp_path / "new" / "kmodd.d").mkdir(parents=True)

    async def scenario() -> None:
        with watching(directory) as (_, changes):
            (tmp_path / "etc").rename(tmp_path / "old")
            await changes.of(directory)
            (tmp_path / "new").rename(tmp_path / "etc")
            await changes.of(directory)
            write(directory / "a.toml")
            await changes.of(directory)

    asyncio.run(scenario())


def test_a_directory_deleted_while_somebody_is_in_it_and_made_again(tmp_path: Path) -> None:
    directory = tmp_path / "kmodd.d"
    directory.mkdir()

    async def scenario() -> None:
        inside = os.open(directory, os.O_RDONLY)
        with watching(directory) as (_, changes):
            directory.rmdir()
            await changes.of(directory)
            directory.mkdir()
            await changes.of(directory)
            write(directory / "a.toml")
            await changes.of(directory)
        os.close(inside)

    asyncio.run(scenario())


def test_a_link_to_a_directory_swapped(tmp_path: Path) -> None:
    link = tmp_path / "kmodd.d"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    link.symlink_to("one")

    async def scenario() -> None:
        with watching(link) as (_, changes):
            (tmp_path / "next").symlink_to("two")
            (tmp_path / "next").replace(link)
            await changes.of(link)
            write(tmp_path / "two" / "a.toml")
            await changes.of(link)

    asyncio.run(scenario())


def test_what_a_link_leads_to_moved_away_and_made_again(tmp_path: Path) -> None:
    link, one = tmp_path / "etc" / "kmodd.d", tmp_path / "data" / "one"
    link.parent.mkdir()
    one.mkdir(parents=True)
    link.symlink_to("../data/one")

    async def scenario() -> None:
        with watching(link) as (_, changes):
            one.rename(tmp_path / "away")
            await changes.of(link)
            one.mkdir()
            await changes.of(link)
            write(one / "a.toml")
            await changes.of(link)

    asyncio.run(scenario())


def test_a_directory_within_another_takes_nothing_from_it(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()

    async def scenario() -> None:
        with watching(tmp_path, inner) as (_, changes):
            write(tmp_path / "a.toml")
            await changes.of(tmp_path)
            write(inner / "a.toml")
            await changes.of(inner)

    asyncio.run(scenario())


def test_a_file_where_the_directory_should_be(tmp_path: Path) -> None:
    directory, other = tmp_path / "kmodd.d", tmp_path / "other"
    write(directory)
    other.mkdir()

    async def scenario() -> None:
        with watching(directory, other) as (_, changes):
            write(directory)
            await changes.none(other)
            directory.unlink()
            directory.mkdir()
            await changes.of(directory)

    asyncio.run(scenario())


def test_two_paths_to_one_directory_are_both_told(tmp_path: Path) -> None:
    directory, link = tmp_path / "kmodd.d", tmp_path / "link"
    directory.mkdir()
    link.symlink_to(directory)

    async def scenario() -> None:
        with watching(directory, link) as (_, changes):
            write(directory / "a.toml")
            await changes.of(link)
            write(directory / "a.toml")
            await changes.of(directory)

    asyncio.run(scenario())


def test_an_unwanted_directory_is_let_go(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()

    async def scenario() -> None:
        with watching(one) as (watcher, changes):
            before = kernel_watches(watcher)
            watcher.want({str(two): Interest.FILES})
            assert kernel_watches(watcher) == before
            write(one / "a.toml")
            await changes.none(two)

    asyncio.run(scenario())


def test_values_are_told_when_written_not_when_closed(tmp_path: Path) -> None:
    parameters = tmp_path / "parameters"
    parameters.mkdir()
    write(parameters / "delay")

    async def scenario() -> None:
        with (
            watching(parameters, interest=Interest.VALUES) as (_, changes),
            (parameters / "delay").open("r+") as value,
        ):
            value.write("1")
            value.flush()
            await changes.of(parameters)

    asyncio.run(scenario())


def test_refresh_follows_a_directory_made_anew_without_a_sound(tmp_path: Path) -> None:
    parameters = tmp_path / "parameters"

    async def scenario() -> None:
        with watching(parameters, interest=Interest.VALUES) as (watcher, changes):
            assert watcher.refresh() == frozenset()
            parameters.mkdir()
            write(parameters / "delay")
            assert watcher.refresh() == {str(parameters)}
            assert watcher.refresh() == frozenset()
            write(parameters / "delay")
            await changes.of(parameters)

    asyncio.run(scenario())


def test_an_overflow_of_the_queue_tells_every_directory(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())

    async def scenario() -> int:
        with watching(one, two) as (watcher, changes):
            names = (one / "a", one / "b")
            write(names[0])
            for turn in range(limit):
                names[turn % 2].rename(names[1 - turn % 2])
            await changes.of(two)
            return watcher.overflows

    assert asyncio.run(scenario()) == 1


def test_a_watch_that_is_refused_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: Inotify, path: str, mask: int) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Inotify, "add", refuse)

    async def scenario() -> None:
        with watching(tmp_path) as (watcher, _):
            watcher.refresh()

    asyncio.run(scenario())
    assert [record.getMessage() for record in caplog.records] == [
        "/ cannot be watched, changes are seen by the resync only: No space left on device"
        " (raise fs.inotify.max_user_watches)"
    ]


def test_no_instance_is_one_clear_sentence() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        with pytest.raises(KmoddError, match="max_user_instances") as caught:
            Inotify()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.kind is ErrorKind.FAILED


def test_decoding_of_a_whole_read() -> None:
    event = (7).to_bytes(4, "little") + (0x100).to_bytes(4, "little") + bytes(4)
    named = event + (16).to_bytes(4, "little") + b"a.toml".ljust(16, b"\0")
    bare = event + bytes(4)
    assert tuple(inotify.decode(named + bare)) == (
        FileEvent(7, Mask.CREATE, "a.toml"),
        FileEvent(7, Mask.CREATE),
    )


def test_the_way_to_a_directory() -> None:
    assert list(files._way("/nonexistent//kmodd.d/")) == [("/", "nonexistent"), ("/nonexistent", "kmodd.d")]


def test_the_way_through_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "relative").symlink_to("./real")
    (tmp_path / "absolute").symlink_to(tmp_path / "relative")
    names = [name for _, name in files._way(str(tmp_path / "absolute" / "a"))]
    assert names[len(tmp_path.parts) - 1 :] == ["absolute", *tmp_path.parts[1:], "relative", "real", "a"]


def test_the_way_round_in_circles_ends(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    assert len(list(files._way(str(tmp_path / "circle")))) == len(tmp_path.parts) + files.MOST_LINKS
