"""The files of the memory of this boot: a document, lines since, and what damage does to them."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kmodd.core.memory import LoadRecord
from kmodd.daemon.memory_file import Kept, MemoryFile
from kmodd.daemon.store import MemoryStore
from kmodd.model import Parameter
from kmodd.names import ModuleName

A, B, C = map(ModuleName, "abc")


def record(instance: int) -> LoadRecord:
    return LoadRecord(instance, (Parameter("level", "3"),), 1000, 20)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "loads.json"


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    return tmp_path / "loads.jsonl"


def written(path: Path) -> MemoryFile:
    """One with a document that has A in it."""
    file = MemoryFile(path)
    file.write(Kept({A: record(1)}))
    return file


def test_a_load_is_a_line_beside_the_document(path: Path, lines: Path) -> None:
    file = written(path)
    document = path.read_bytes()
    assert file.add_load(B, record(2))
    assert file.add_load(A, record(3))
    assert path.read_bytes() == document
    assert len(lines.read_text().split()) > 1
    assert MemoryFile(path).read() == Kept({A: record(3), B: record(2)})


def test_before_anything_was_written_there_are_no_lines(path: Path, lines: Path) -> None:
    assert not MemoryFile(path).add_load(A, record(1))
    assert not lines.exists()


def test_the_lines_of_one_process_are_followed_by_those_of_the_next(path: Path) -> None:
    written(path).add_load(B, record(2))
    second = MemoryFile(path)
    second.write(second.read())
    assert second.add_load(C, record(4))
    assert MemoryFile(path).read().loads == {A: record(1), B: record(2), C: record(4)}


def test_lines_that_a_newer_document_covers_mean_nothing(path: Path, lines: Path) -> None:
    """Killed between the two: the document was in its place, the lines not yet away."""
    file = written(path)
    file.add_load(A, record(2))
    left = lines.read_bytes()
    file.write(Kept({A: record(3)}))
    lines.write_bytes(left)
    assert MemoryFile(path).read().loads == {A: record(3)}


def test_a_document_ends_the_lines_before_it(path: Path, lines: Path) -> None:
    file = written(path)
    file.add_load(B, record(2))
    file.write(Kept({C: record(3)}))
    assert not lines.exists()
    assert MemoryFile(path).read().loads == {C: record(3)}


def test_a_line_cut_short_is_no_part_of_the_next(path: Path, lines: Path) -> None:
    file = written(path)
    file.add_load(B, record(2))
    lines.write_bytes(lines.read_bytes()[:-5])
    file.add_load(C, record(3))
    assert MemoryFile(path).read().loads == {A: record(1), C: record(3)}


def _other_format(document: dict[str, Any]) -> None:
    document["format"] += 1


def _damaged(document: dict[str, Any]) -> None:
    del document["met"]


def _emptied(document: dict[str, Any]) -> None:
    document.clear()


@pytest.mark.parametrize("spoil", [_other_format, _damaged, _emptied])
def test_lines_beside_a_document_that_means_nothing_are_covered_by_the_next(
    path: Path, lines: Path, spoil: Callable[[dict[str, Any]], None]
) -> None:
    """Killed between the two, as above."""
    written(path).add_load(B, record(2))
    left = lines.read_bytes()
    document = json.loads(path.read_text())
    spoil(document)
    path.write_text(json.dumps(document))
    file = MemoryFile(path)
    assert file.read() == Kept()
    file.write(Kept({B: record(3)}))
    lines.write_bytes(left)
    assert MemoryFile(path).read().loads == {B: record(3)}


@pytest.mark.parametrize(
    "line",
    [
        b"\xff",
        b"[]",
        b"{}",
        b'{"line": 9}',
        b'{"line": "x", "loads": {}}',
        b'{"line": 9, "loads": {"b": {"instance": -1}}}',
        b'{"line": 9, "loads": {"b": 3}}',
        b'{"line": 9, "loads": 3}',
        b'{"line": 1e999, "loads": {}}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_line_counts_for_nothing(path: Path, lines: Path, line: bytes) -> None:
    written(path)
    lines.write_bytes(line)
    assert MemoryFile(path).read().loads == {A: record(1)}


def test_the_document_is_written_again_before_there_are_too_many_lines(path: Path, lines: Path) -> None:
    file = written(path)
    count = 0
    while file.add_load(B, record(count + 2)):
        count += 1
        assert count < 1000
    assert count > 50
    assert len(lines.read_bytes().split(b"\n")) == count + 1
    assert MemoryFile(path).read().loads[B] == record(count + 1)


def test_what_cannot_be_written_is_an_error(path: Path, lines: Path) -> None:
    file = written(path)
    lines.mkdir()
    with pytest.raises(IsADirectoryError):
        file.add_load(B, record(2))


def test_what_could_not_be_kept_is_kept_with_the_next_load(
    path: Path, lines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = MemoryStore(path)
    store.remember_load(A, record(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            store.remember_load(B, record(2))
    store.remember_load(C, record(3))
    assert MemoryStore(path).memory.loads == {A: record(1), B: record(2), C: record(3)}


def test_a_line_that_is_cut_short_by_a_full_disk_is_kept_at_once(
    path: Path, lines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore(path)
    store.remember_load(A, record(1))
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, raw: write(descriptor, raw[: len(raw) // 2 or 1]))
        store.remember_load(B, record(2))
    assert MemoryStore(path).memory.loads == {A: record(1), B: record(2)}


def test_lines_are_older_than_the_document_of_a_kmodd_that_knows_of_none(path: Path, lines: Path) -> None:
    written(path).add_load(A, record(2))
    document = json.loads(path.read_text())
    del document["lines"]
    path.write_text(json.dumps(document))
    file = MemoryFile(path)
    kept = file.read()
    assert kept.loads == {A: record(1)}
    left = lines.read_bytes()
    file.write(kept)
    lines.write_bytes(left)
    assert MemoryFile(path).read().loads == {A: record(1)}


def test_what_is_written_is_for_its_owner_only(path: Path, lines: Path) -> None:
    mask = os.umask(0)
    try:
        written(path).add_load(B, record(2))
    finally:
        os.umask(mask)
    assert [file.stat().st_mode & 0o777 for file in (path, lines)] == [0o600, 0o600]


def test_a_link_is_not_written_through(path: Path, lines: Path, tmp_path: Path) -> None:
    file = written(path)
    (tmp_path / "elsewhere").write_bytes(b"")
    lines.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        file.add_load(B, record(2))
    assert (tmp_path / "elsewhere").read_bytes() == b""
    assert not file.add_load(B, record(2))
    file.write(Kept({B: record(2)}))
    assert not lines.is_symlink()


def test_a_document_of_before_there_were_lines_is_read(path: Path) -> None:
    written(path)
    document = json.loads(path.read_text())
    del document["lines"]
    path.write_text(json.dumps(document))
    assert MemoryFile(path).read().loads == {A: record(1)}


def test_what_is_no_regular_file_is_not_waited_for(path: Path, lines: Path) -> None:
    for each in (path, lines):
        os.mkfifo(each)
    assert MemoryFile(path).read() == Kept()
