"""Kernel log records: what the kernel said, and nothing that a process made up."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.kernel.kmsg import (
    KEPT_FIRST,
    KEPT_LAST,
    TEXT_LIMIT,
    KernelLog,
    KernelLogs,
    Record,
    parse_record,
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"6,339,5140900,-;loop: module loaded\n", Record(6, 339, 5140900, "loop: module loaded")),
        (b"3,1,2,-,caller=T12;bad\n SUBSYSTEM=usb\n DEVICE=c189:1\n", Record(3, 1, 2, "bad")),
        (b"4,1,2,c;x;y\n", Record(4, 1, 2, "x;y")),
        (b"6,1,2,-;caf\\xc3\\xa9\n", Record(6, 1, 2, "café")),
        (b"6,1,2,-;\\x1b[31mred\n", Record(6, 1, 2, "\\x1b[31mred")),
        (b"6,1,2,-;\\xff\\x5c\n", Record(6, 1, 2, "\ufffd\\")),
        (b"6,1,2,-;\n", Record(6, 1, 2, "")),
        (b"14,1,2,-;a process writes with facility 1\n", None),
        (b"30,1,2,-;systemd[1]: hello\n", None),
        (b"", None),
        (b";\n", None),
        (b"6,1;x\n", None),
        (b"six,1,2,-;x\n", None),
        (b"-6,1,2,-;x\n", None),
    ],
)
def test_a_record(raw: bytes, expected: Record | None) -> None:
    assert parse_record(raw) == expected


def test_a_long_line_is_cut() -> None:
    record = parse_record(b"6,1,2,-;" + b"x" * 5000)
    assert record is not None
    assert len(record.text) == TEXT_LIMIT


@pytest.mark.shows("security 8")
@given(st.binary())
def test_whatever_is_logged_is_shown_without_control_characters(line: bytes) -> None:
    record = parse_record(b"6,1,2,-;" + line)
    assert record is not None
    assert record.text.isprintable()


def test_the_log_is_read_once_and_only_what_the_kernel_says() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours:
        theirs.setblocking(False)
        log = KernelLog(theirs.detach())
        ours.send(b"6,1,2,-;one\n")
        ours.send(b"30,2,2,-;not the kernel\n")
        ours.send(b"6,3,2,-;two\n")
        assert log.texts() == ["one", "two"]
        assert log.texts() == []
        log.close()
        log.close()
        assert log.texts() == []


def test_of_a_flood_the_first_and_the_last_lines_are_kept() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    count = KEPT_FIRST + KEPT_LAST + 10
    theirs.setblocking(False)
    log = KernelLog(theirs.detach())
    with ours:
        for number in range(count):
            ours.send(b"6,1,2,-;%d\n" % number)
    kept = [*range(KEPT_FIRST), *range(count - KEPT_LAST, count)]
    assert log.texts() == [str(number) for number in kept]
    log.close()


def test_a_flood_of_others_hides_no_line_that_names_the_module() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)
    log = KernelLog(theirs.detach())
    with ours:
        for number in range(200):
            name = b"a-b" if number in (50, 100) else b"other"
            ours.send(b"6,%d,2,-;%s: %d\n" % (number, name, number))
    texts = log.texts("a_b")
    assert len(texts) == KEPT_FIRST + KEPT_LAST + 2
    assert texts.index("other: 31") < texts.index("a-b: 50") < texts.index("a-b: 100")
    assert texts.index("a-b: 100") < texts.index("other: 199")
    log.close()


def test_a_log_begins_with_its_opening(tmp_path: Path) -> None:
    path = tmp_path / "kmsg"
    path.write_bytes(b"6,1,2,-;before\n")
    log = KernelLogs(str(path)).from_now()
    with path.open("ab") as file:
        file.write(b"6,2,3,-;after\n")
    assert log.texts() == ["after"]
    log.close()


def test_a_log_that_cannot_be_opened_says_nothing(tmp_path: Path) -> None:
    log = KernelLogs(str(tmp_path / "nothing")).from_now()
    assert log.texts() == []
    log.close()


def test_a_log_that_cannot_be_positioned_says_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    log = KernelLogs(str(tmp_path / "fifo")).from_now()
    assert log.fd is None


def test_a_file_that_was_passed_on_is_read_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "kmsg"
    path.write_bytes(b"6,1,2,-;before\n")
    passed = os.open(path, os.O_RDONLY)
    logs = KernelLogs(str(tmp_path / "nothing"), [passed])
    first, beyond = logs.from_now(), logs.from_now()
    with path.open("ab") as file:
        file.write(b"6,2,3,-;after\n")
    assert first.texts() == ["after"]
    assert beyond.texts() == []
    first.close()
    again = logs.from_now()
    assert again.fd == passed
    assert again.texts() == []
    os.close(passed)
