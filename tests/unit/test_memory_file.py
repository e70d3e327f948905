"""The files of the memory of this boot: a document, lines since, and what damage does to them."""

import json
from pathlib import Path

import pytest

from kmodd.core.memory import LoadRecord
from kmodd.daemon.memory_file import Kept, MemoryFile
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


def test_a_document_of_before_there_were_lines_is_read(path: Path) -> None:
    written(path)
    document = json.loads(path.read_text())
    del document["lines"]
    path.write_text(json.dumps(document))
    assert MemoryFile(path).read().loads == {A: record(1)}
