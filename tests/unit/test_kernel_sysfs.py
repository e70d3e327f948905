"""/sys/module below a root of our own: what can be read, and what cannot."""

import os
from errno import EMFILE
from pathlib import Path
from typing import NoReturn

import pytest

from kmodd.kernel.reader import SystemReader
from kmodd.kernel.roots import Roots
from kmodd.kernel.sysfs import (
    Attributes,
    list_parameters,
    read_attribute,
    read_attributes,
    read_instance,
    read_instances,
    read_parameters,
    read_writable,
)
from kmodd.model import Security
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
    assert list_parameters(str(tmp_path), _LOOP) == ()
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


@pytest.mark.parametrize("count", [3, 100])
def test_instances_of_many_are_those_of_each(tmp_path: Path, count: int) -> None:
    names = [ModuleName(f"module_{number}") for number in range(count)]
    for name in names[1:]:
        (tmp_path / "module" / name).mkdir(parents=True)
    expected = {name: read_instance(str(tmp_path), name) for name in names}
    assert list(read_instances(str(tmp_path), names).items()) == list(expected.items())
    assert read_instances(str(tmp_path / "module"), names) == dict.fromkeys(names, 0)


def test_without_a_free_descriptor_each_instance_is_asked_for_and_nothing_is_said_of_files(
    parameters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: str) -> NoReturn:
        raise OSError(EMFILE, os.strerror(EMFILE), path)

    sys = str(parameters.parents[2])
    names = [_LOOP, *(ModuleName(f"module_{number}") for number in range(100))]
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", refused)
        patched.setattr(os, "listdir", refused)
        instances = read_instances(sys, names)
        files, texts = list_parameters(sys, _LOOP), read_parameters(sys, _LOOP)
    assert instances[_LOOP] == parameters.parent.stat().st_ino
    assert (files, texts) == (None, {})


def test_what_was_listed_before_is_not_listed_again(parameters: Path) -> None:
    sys = str(parameters.parents[2])
    for name in ("one", "two", "three"):
        (parameters / name).write_text("1\n")
    assert list_parameters(sys, _LOOP) == ("one", "three", "two")
    assert read_parameters(sys, _LOOP, ("two", "gone")) == {"two": "1"}
    assert read_writable(sys, _LOOP, ("one", "gone")) == {"one"}


def test_an_attribute_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_attribute(str(tmp_path / "nothing")) is None


def test_a_write_bit_is_enough(parameters: Path) -> None:
    """Whoever may use it, and whether or not it can be read."""
    for name, mode in (("both", 0o644), ("secret", 0o200), ("group", 0o020), ("fixed", 0o444), ("none", 0)):
        (parameters / name).touch()
        (parameters / name).chmod(mode)
    (parameters / "directory").mkdir(mode=0o755)
    (parameters / "link").symlink_to("both")
    assert read_writable(str(parameters.parents[2]), _LOOP) == {"both", "secret", "group"}
    assert read_writable(str(parameters.parents[2]), ModuleName("nosuch")) == frozenset()


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("[none] integrity confidentiality\n", "none"),
        ("none integrity [confidentiality]\n", "confidentiality"),
        ("none\n", ""),
        ("]integrity[", ""),
        (None, ""),
    ],
)
def test_what_the_kernel_permits(tmp_path: Path, text: str | None, level: str) -> None:
    roots = Roots(proc=str(tmp_path / "proc"), sys=str(tmp_path / "sys"))
    assert SystemReader(roots).security() == Security()
    lockdown = tmp_path / "sys/kernel/security/lockdown"
    enforce = tmp_path / "sys/module/module/parameters/sig_enforce"
    disabled = tmp_path / "proc/sys/kernel/modules_disabled"
    for path, contents in ((lockdown, text), (enforce, "Y\n"), (disabled, "1\n")):
        path.parent.mkdir(parents=True)
        if contents is not None:
            path.write_text(contents)
    assert SystemReader(roots).security() == Security(level, True, True)
    enforce.write_text("N\n")
    assert not SystemReader(roots).security().signatures_enforced
