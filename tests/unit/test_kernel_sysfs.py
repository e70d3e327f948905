"""/sys/module below a root of our own: what can be read, and what cannot."""

import os
from pathlib import Path

import pytest

from kmodd.kernel.sysfs import Attributes, read_attribute, read_attributes, read_instance, read_parameters
from kmodd.names import ModuleName

_LOOP = ModuleName("loop")


@pytest.fixture
def parameters(tmp_path: Path) -> Path:
    directory = tmp_path / "module/loop/parameters"
    directory.mkdir(parents=True)
    return directory


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"8\n", "8"),
        (b"8", "8"),
        (b"", ""),
        (b"\n", ""),
        (b"two\n\n", "two\\n"),
        (b" a b \n", " a b "),
        ("ä\n".encode(), "ä"),
        (b"\xff\n", "\ufffd"),
        (b"\x1b[31mred\n", "\\x1b[31mred"),
        (b"x" * 5000, "x" * 4096),
    ],
)
def test_a_value_loses_one_newline_and_is_escaped(parameters: Path, raw: bytes, text: str) -> None:
    (parameters / "p").write_bytes(raw)
    assert read_parameters(str(parameters.parents[2]), _LOOP) == {"p": text}


def test_what_cannot_be_read_is_left_out(parameters: Path) -> None:
    (parameters / "plain").write_text("1\n")
    (parameters / "directory").mkdir()
    (parameters / "dangling").symlink_to("nowhere")
    (parameters / "not a name").write_text("1\n")
    os.mkfifo(parameters / "fifo")
    assert read_parameters(str(parameters.parents[2]), _LOOP) == {"fifo": "", "plain": "1"}


def test_a_module_without_parameters_has_none(tmp_path: Path) -> None:
    assert read_parameters(str(tmp_path), _LOOP) == {}
    assert read_instance(str(tmp_path), _LOOP) == 0
    assert read_attributes(str(tmp_path), _LOOP) == Attributes()


def test_attributes_are_single_files(parameters: Path) -> None:
    (parameters.parent / "initstate").write_text("live\n")
    (parameters.parent / "srcversion").write_text("533BB7E5866E52F63B9ACCB\n")
    expected = Attributes(initstate="live", srcversion="533BB7E5866E52F63B9ACCB")
    assert read_attributes(str(parameters.parents[2]), _LOOP) == expected


def test_a_directory_made_anew_is_another_instance(parameters: Path) -> None:
    sys = str(parameters.parents[2])
    assert read_instance(sys, _LOOP) == parameters.parent.stat().st_ino


def test_an_attribute_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_attribute(str(tmp_path / "nothing")) is None
