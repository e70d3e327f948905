"""A file is replaced as a whole or not at all."""

import os
import resource
import stat
from pathlib import Path

import pytest

from kmodd.files import write_atomically


@pytest.mark.parametrize("durable", [False, True])
def test_writes_and_replaces(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "state.json"
    for content in (b"first", b"second", b""):
        write_atomically(path, content, durable=durable)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["state.json"]


def test_what_a_write_leaves_is_written_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:3]))
    write_atomically(tmp_path / "state.json", b"more than three")
    assert (tmp_path / "state.json").read_bytes() == b"more than three"


def test_a_reader_keeps_the_file_that_it_opened(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomically(path, b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"new")
        assert reader.read() == b"old"


def test_the_mode_is_for_the_owner_alone_unless_asked(tmp_path: Path) -> None:
    write_atomically(tmp_path / "mine", b"")
    write_atomically(tmp_path / "public", b"", mode=0o644)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("mine", "public")]
    assert modes == [0o600, 0o644 & ~_umask()]


@pytest.mark.shows("security 6")
def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"untouched")
    (tmp_path / "link").symlink_to(target)
    write_atomically(tmp_path / "link", b"new")
    assert target.read_bytes() == b"untouched"
    assert not (tmp_path / "link").is_symlink()


def test_without_its_directory_it_fails_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "gone" / "state.json", b"")
    assert not os.listdir(tmp_path)


def test_what_cannot_be_replaced_stays_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    directory = tmp_path / "state.json"
    (directory / "in it").mkdir(parents=True)
    with pytest.raises(OSError, match="state"):
        write_atomically(directory, b"new")
    assert os.listdir(tmp_path) == ["state.json"]


@pytest.mark.shows("security 6")
def test_a_link_where_the_temporary_file_goes_is_not_followed(tmp_path: Path) -> None:
    path, target = tmp_path / "state.json", tmp_path / "target"
    target.write_bytes(b"untouched")
    (tmp_path / ".state.json.new").symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        write_atomically(path, b"new")
    assert target.read_bytes() == b"untouched"


@pytest.mark.shows("P8")
def test_a_write_that_ends_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomically(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="too large"):
            write_atomically(path, b"new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state.json"]


def test_what_a_killed_writer_left_is_gone_with_the_next_one(tmp_path: Path) -> None:
    (tmp_path / ".state.json.new").write_bytes(b"ha" * 1000)
    write_atomically(tmp_path / "state.json", b"whole")
    assert (tmp_path / "state.json").read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["state.json"]


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found
