"""Configuration in the hands of somebody who exchanges, changes and multiplies files while they are read."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kmodd.config import compile as compiling
from kmodd.config import safefile
from kmodd.config.compile import compile_catalog
from kmodd.config.gather import Gathered, gather
from kmodd.config.issues import Code, Refused
from kmodd.config.last_good import LastGood
from kmodd.config.layers import MAX_FILES, Scan
from kmodd.config.look import MAX_BYTES
from kmodd.config.paths import ConfigPaths
from kmodd.config.safefile import check_file, read_file, trusted_owners
from kmodd.model import Catalog
from tests.support.config_tree import config_paths, drop

GOOD = "[module.good]\n"


@pytest.fixture
def paths(tmp_path: Path) -> ConfigPaths:
    """Places of an empty machine."""
    return config_paths(tmp_path)


def names(catalog: Catalog) -> list[str]:
    """What is declared."""
    return [str(declaration.name) for declaration in catalog.declarations]


def as_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o644)


def as_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def as_one_that_others_write(path: Path) -> None:
    path.chmod(0o666)


def as_larger_one(path: Path) -> None:
    path.write_bytes(b"#" * (MAX_BYTES + 1))


EXCHANGES: dict[Callable[[Path], None], Code | None] = {
    as_fifo: Code.NOT_A_FILE,
    as_directory: Code.NOT_A_FILE,
    as_link: None,  # O_NOFOLLOW: an error of the system, which comes again as a link that is looked at
    as_one_that_others_write: Code.UNSAFE_MODE,
    as_larger_one: Code.TOO_LARGE,
}


@pytest.mark.shows("security 6", "fault: bad file")
@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.__name__)
def test_what_is_exchanged_between_look_and_opening_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: Callable[[Path], None]
) -> None:
    """Whoever wins the race is looked at once more, through the descriptor that is read from."""
    file = drop(tmp_path / "etc", "a.toml", GOOD)
    looks = []

    def look_and_exchange(status: os.stat_result, owners: frozenset[int], limit: int) -> None:
        check_file(status, owners, limit)
        looks.append(status)
        if len(looks) == 1:
            exchange(file)

    monkeypatch.setattr(safefile, "check_file", look_and_exchange)
    code = EXCHANGES[exchange]
    with pytest.raises((Refused, OSError)) as caught:
        read_file(file, trusted_owners(), MAX_BYTES)
    found = caught.value
    assert (found.code if isinstance(found, Refused) else None) == code
    assert len(looks) == 1


@pytest.mark.shows("security 6", "fault: bad file")
@pytest.mark.parametrize("change", [as_one_that_others_write, as_fifo, as_directory, Path.unlink])
def test_permissions_that_change_while_files_are_compiled_count(
    paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    """What was read before others could write is not in force after; the last good version of it may be."""
    file = drop(paths.directories[0], "10.toml", "[module.early]\n")
    drop(paths.directories[0], "20.toml", GOOD)
    changes = [change]

    def gather_and_change(found: Scan, last_good: LastGood, owners: frozenset[int]) -> Gathered:
        gathered = gather(found, last_good, owners)
        if changes:
            changes.pop()(file)
        return gathered

    monkeypatch.setattr(compiling, "gather", gather_and_change)
    assert names(compile_catalog(paths)) == ["good"]


@pytest.mark.shows("fault: bad file")
@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"[module.bad]\0\n", b"\0" * 4096, b"\xed\xa0\x80", b"[module.b\xc3\xa4d]\n"]
)
def test_bytes_that_are_no_text_cost_their_file_alone(paths: ConfigPaths, content: bytes) -> None:
    drop(paths.directories[0], "20.toml", GOOD)
    bad = drop(paths.directories[0], "10.toml", "")
    bad.write_bytes(content)
    catalog = compile_catalog(paths)
    assert names(catalog) == ["good"]
    assert {issue.location.file for issue in catalog.issues} == {str(bad)}
    assert all(issue.message.isprintable() for issue in catalog.issues)


@pytest.mark.shows("fault: too much")
def test_a_hundred_megabytes_are_refused_without_being_read(
    paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the hundred files is as large as one may be; how much was read is counted."""
    drop(paths.directories[0], "00.toml", GOOD)
    for number in range(100):
        file = drop(paths.directories[0], f"big{number:02}.toml", "")
        os.truncate(file, MAX_BYTES)
    read: list[int] = []

    def counting(descriptor: int, most: int) -> bytes:
        chunk = os_read(descriptor, most)
        read.append(len(chunk))
        return chunk

    os_read = os.read
    monkeypatch.setattr(os, "read", counting)
    catalog = compile_catalog(paths)
    assert names(catalog) == ["good"]
    assert {issue.code for issue in catalog.issues} >= {"too-large"}
    assert sum(read) < 16 * MAX_BYTES


@pytest.mark.shows("fault: too much")
def test_more_files_than_there_may_be(paths: ConfigPaths) -> None:
    """The directory cannot be believed then: what was in force of it stays, and that is said once."""
    drop(paths.directories[0], "00.toml", GOOD)
    compile_catalog(paths)
    for number in range(MAX_FILES + 10):
        (paths.directories[0] / f"x{number:05}.toml").touch(mode=0o644)
    catalog = compile_catalog(paths)
    assert names(catalog) == ["good"]
    assert catalog.issues[0].code == "too-many-files"
    assert len(catalog.issues) <= 2
