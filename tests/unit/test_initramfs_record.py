"""Records of images: what is written is read, and nothing else is believed."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kmodd.core.initramfs import Held
from kmodd.initramfs.record import LARGEST, Record, place, read, write

HELD = Held(frozenset(("a", "b")), ("text\n", "last\n"))
RECORD = Record("/boot/initrd.img", (1000, 1_700_000_000), HELD)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "initramfs" / "6.12.0-test"


def test_what_was_written_is_read_by_everybody(path: Path) -> None:
    write(path, RECORD)
    assert read(path) == RECORD
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o777 == 0o755


def test_an_image_that_holds_nothing_has_a_record_too(path: Path) -> None:
    nothing = RECORD._replace(held=Held())
    write(path, nothing)
    assert read(path) == nothing


@pytest.mark.parametrize("release", ["", ".", "..", ".hidden", "a/b", "/etc/passwd", "a\nb"])
def test_what_cannot_be_a_release_has_no_place(release: str, tmp_path: Path) -> None:
    assert place(tmp_path, release) is None


def test_the_place_of_a_release(tmp_path: Path) -> None:
    assert place(tmp_path, "6.12.117+deb13-amd64") == tmp_path / "6.12.117+deb13-amd64"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[1, 2]",
        b"null",
        b'{"format": 1}',
        b"[" * 100_000,
        b" " * (LARGEST + 1),
        b'{"format": 1, "image": "/b", "stamp": [NaN, Infinity], "texts": [], "modules": ""}',
    ],
    ids=["empty", "not-utf8", "list", "null", "short", "deep", "large", "nan"],
)
def test_what_is_no_record_is_as_none(content: bytes, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    assert read(path) is None


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": "1"},
        {"image": 7},
        {"image": "boot/relative"},
        {"stamp": 5},
        {"stamp": [1]},
        {"stamp": ["1", "2"]},
        {"stamp": [True, 2]},
        {"texts": "text"},
        {"texts": [1]},
        {"texts": None},
        {"modules": ["a"]},
        {"modules": None},
    ],
)
def test_a_record_with_one_thing_wrong_is_as_none(change: dict[str, Any], path: Path) -> None:
    write(path, RECORD)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert read(path) is None


def _link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize("put", [os.mkdir, os.mkfifo, _link_to_nowhere])
def test_what_is_no_file_holds_up_nobody(put: Callable[[Path], None], path: Path) -> None:
    path.parent.mkdir()
    assert read(path) is None
    put(path)
    assert read(path) is None
