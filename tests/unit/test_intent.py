"""intent.py and kernel/intents.py: what is written before a change is begun."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.action import ActionKind
from kmodd.intent import BadIntent, Intent, Note, file_name, parse, render, written
from kmodd.kernel.intents import read_boot_id, read_kernel, write_down
from kmodd.kernel.proc_stat import start_ticks
from kmodd.names import ModuleName

DUMMY = ModuleName("dummy")
INTENT = Intent(
    DUMMY, ActionKind.LOAD, "ab12", 'numdummies=3 x="a b"', "6.12 #1", "boot", 7, 8, 9, 10, 2, True
)


def test_what_is_written_is_read() -> None:
    assert parse("dummy.load.json", render(INTENT)) == INTENT


@given(st.text(max_size=50), st.integers(), st.booleans())
def test_any_options_come_back_printable(options: str, tries: int, crashed: bool) -> None:
    found = parse("dummy.load.json", render(INTENT._replace(options=options, tries=tries, crashed=crashed)))
    assert found.options.isprintable()
    assert (found.tries, found.crashed) == (tries, crashed)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_way(content: bytes) -> None:
    with pytest.raises(BadIntent):
        parse("dummy.load.json", content)


@pytest.mark.parametrize("length", range(0, len(render(INTENT)), 7))
def test_half_of_one_is_none(length: int) -> None:
    with pytest.raises(BadIntent):
        parse("dummy.load.json", render(INTENT)[:length])


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"module": "../../etc/passwd"},
        {"module": "other"},
        {"kind": "insert"},
        {"kind": "unload"},
        {"tries": "1"},
        {"tries": True},
        {"crashed": 1},
        {"options": None},
        {"more": 1},
    ],
)
def test_what_kmodd_does_not_write_is_refused(change: dict[str, Any]) -> None:
    content = json.dumps({**json.loads(render(INTENT)), **change}).encode()
    with pytest.raises(BadIntent):
        parse("dummy.load.json", content)


def test_nesting_is_no_reason_to_fall() -> None:
    with pytest.raises(BadIntent, match="nested"):
        parse("dummy.load.json", b"[" * 200_000)


def test_what_is_written_of_parameters() -> None:
    assert written([("a", "1"), ("b", "x y")]) == "a=1 b=x y"


def test_a_process_writes_down_what_it_is(tmp_path: Path) -> None:
    note = Note(str(tmp_path / "intents"), "boot", "6.12 #1", tries=2)
    assert write_down(note, DUMMY, ActionKind.WRITE, "", "level=2") == 0
    name = file_name(ActionKind.WRITE, DUMMY)
    assert os.listdir(tmp_path / "intents") == [name]
    found = parse(name, (tmp_path / "intents" / name).read_bytes())
    assert (found.pid, found.start_ticks) == (os.getpid(), start_ticks(os.getpid()))
    assert (found.options, found.boot_id, found.tries, found.crashed) == ("level=2", "boot", 2, False)
    assert (tmp_path / "intents").stat().st_mode & 0o777 == 0o700


def test_a_disk_that_takes_nothing_is_an_errno(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    note = Note(str(tmp_path / "file/intents"), "boot", "")
    assert write_down(note, DUMMY, ActionKind.LOAD, "", "") == errno.ENOTDIR
    full = Note("/dev/full/intents", "boot", "")
    assert write_down(full, DUMMY, ActionKind.LOAD, "", "") == errno.ENOTDIR


def test_the_name_of_a_process_is_no_field(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    fields = " ".join(map(str, range(3, 53)))
    (tmp_path / "7/stat").write_text(f"7 (a) 1 2 (b)) {fields}\n")
    assert start_ticks(7, str(tmp_path)) == 22
    (tmp_path / "7/stat").write_text("7 (a) S 1\n")
    with pytest.raises(ProcessLookupError):
        start_ticks(7, str(tmp_path))
    with pytest.raises(FileNotFoundError):
        start_ticks(8, str(tmp_path))


def test_the_running_kernel_has_names() -> None:
    assert len(read_boot_id("/proc")) == 36
    assert read_kernel("/proc").startswith(os.uname().release)


def test_where_the_kernel_does_not_say_there_is_none(tmp_path: Path) -> None:
    assert (read_boot_id(str(tmp_path)), read_kernel(str(tmp_path))) == ("", "")
