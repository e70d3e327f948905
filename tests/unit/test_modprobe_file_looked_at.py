"""The generated file is read again when its stamp is another, and not while that could hide a change."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kmodd.core.modprobe_conf import Rendered
from kmodd.daemon.modprobe_file import ModprobeFile
from kmodd.files import last_word
from tests.support.generated_file import DENIAL, DENY, Place, with_text

LATER_NS = 60_000_000_000
FOREIGN = "options card text=y\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Whenever the files are read."""
    seen: list[Path] = []
    read = ModprobeFile._replace

    def replace(self: ModprobeFile, rendered: Rendered, path: Path) -> bool:
        seen.append(path)
        return read(self, rendered, path)

    monkeypatch.setattr(ModprobeFile, "_replace", replace)
    return seen


def a_minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + LATER_NS)


def settled(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written, and seen to be so when that was long ago."""
    place.apply(DENY, with_text("x"))
    a_minute_later(monkeypatch)
    place.apply(DENY, with_text("x"))


def test_what_stands_there_as_before_is_not_read_again(
    place: Place, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(place, monkeypatch)
    texts, before = place.file.texts, len(reads)
    evidence = place.apply(DENY, with_text("x"))
    assert len(reads) == before
    assert evidence.proofs
    assert place.file.texts == texts
    place.apply(DENY)
    assert len(reads) == before + 1
    assert place.lines() == DENIAL


def test_what_was_changed_a_moment_ago_is_read_again(place: Place, reads: list[Path]) -> None:
    place.apply(DENY)
    place.apply(DENY)
    place.apply(DENY)
    assert len(reads) == 3


def write_as_long(path: Path) -> None:
    """Another text in the same file, of the same length and as old as the one before."""
    found = path.stat()
    path.write_bytes(b"#" * found.st_size)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def put_another_there(path: Path) -> None:
    text = path.read_text()
    path.unlink()
    path.write_text(text + "# mine\n")


@pytest.mark.parametrize("spoil", [write_as_long, put_another_there, Path.unlink])
def test_whatever_was_done_to_it_is_seen(
    place: Place, spoil: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(place, monkeypatch)
    before = place.path.read_text()
    spoil(place.path)
    place.apply(DENY, with_text("x"))
    if spoil is write_as_long:
        assert place.file.problem
    else:
        assert place.path.read_text() == before


def test_a_file_that_appears_where_none_is_to_be_is_seen(
    place: Place, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(place, monkeypatch)
    before = len(reads)
    Path(last_word(str(place.path))).write_text(FOREIGN)
    place.apply(DENY, with_text("x"))
    assert len(reads) == before + 1


def test_after_a_time_without_enforcing_it_is_read(
    place: Place, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(place, monkeypatch)
    before = len(reads)
    place.apply(DENY, with_text("x"), enforce=False)
    assert place.file.texts is None
    place.apply(DENY, with_text("x"))
    assert len(reads) == before + 1
    assert place.file.texts is not None
