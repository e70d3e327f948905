"""The log on real streams and against a real datagram socket that stands for the journal's."""

import io
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from kmodd.daemon import log
from kmodd.daemon.log import JournalHandler, StreamHandler, configure, fields, priority

LOGGER = logging.getLogger("kmodd.test")


@pytest.fixture(autouse=True)
def _logger_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("kmodd")
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield
    for handler in logger.handlers:
        handler.close()
    logger.handlers, level, logger.propagate = before
    logger.setLevel(level)


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket where journald's would be, and the log configured as in a unit."""
    address = str(tmp_path / "journal")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver,
        (tmp_path / "stderr").open("w") as stream,
    ):
        receiver.bind(address)
        receiver.setblocking(False)
        monkeypatch.setattr(JournalHandler.__init__, "__defaults__", (address,))
        configure({"JOURNAL_STREAM": identity(stream)}, stream=stream)
        yield receiver


def identity(stream: TextIO) -> str:
    found = os.fstat(stream.fileno())
    return f"{found.st_dev}:{found.st_ino}"


def parse(data: bytes) -> dict[str, str]:
    """Fields of one entry in the journal's native protocol."""
    entry: dict[str, str] = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(data[:8], "little")
            value, data = data[8 : 8 + size], data[8 + size + 1 :]
        entry[name.decode()] = value.decode()
    return entry


def test_the_journal_gets_fields(journal: socket.socket) -> None:
    LOGGER.warning(
        "%s failed", "zfs", extra=fields(module="zfs", action="load", outcome="failed", code="oops")
    )
    assert parse(journal.recv(65536)) == {
        "MESSAGE": "zfs failed",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "kmodd",
        "LOGGER": "kmodd.test",
        "MODULE": "zfs",
        "ACTION": "load",
        "OUTCOME": "failed",
        "CODE": "oops",
    }


@pytest.mark.shows("security 8")
def test_hostile_text_cannot_add_a_field(journal: socket.socket) -> None:
    LOGGER.info("a\nPRIORITY=0\x1b[2J\udcff", extra=fields(module="x\nUID=0"))
    entry = parse(journal.recv(65536))
    assert entry["MESSAGE"] == "a\\nPRIORITY=0\\x1b[2J\\udcff"
    assert (entry["PRIORITY"], entry["MODULE"]) == ("6", "x\\nUID=0")
    assert "UID" not in entry


def test_a_traceback_is_one_entry_of_escaped_lines(journal: socket.socket) -> None:
    try:
        raise ValueError("bad \x07 value")
    except ValueError:
        LOGGER.exception("lost")
    message = parse(journal.recv(65536))["MESSAGE"].split("\n")
    assert (message[0], message[-1]) == ("lost", "ValueError: bad \\x07 value")


def test_a_long_message_still_fits(journal: socket.socket) -> None:
    LOGGER.info("\x07" * 1_000_000)
    assert len(parse(journal.recv(1 << 20))["MESSAGE"]) == 4 * 16384


def test_without_journald_the_prefix_tells_the_priority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JournalHandler.__init__, "__defaults__", (str(tmp_path / "absent"),))
    with (tmp_path / "stderr").open("w") as stream:
        configure({"JOURNAL_STREAM": identity(stream)}, stream=stream)
        LOGGER.error("no journal")
    assert (tmp_path / "stderr").read_text() == "<3>no journal\n"


def test_a_person_reads_plain_lines(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w") as stream:
        configure({"JOURNAL_STREAM": "1:2"}, stream=stream)
        LOGGER.info("dummy loaded")
        LOGGER.warning("zfs\nfailed")
        LOGGER.debug("never seen")
    assert (tmp_path / "stderr").read_text() == "kmodd: dummy loaded\nkmodd: warning: zfs\\nfailed\n"


def test_configuring_twice_says_everything_once(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w") as stream:
        configure({}, stream=stream)
        configure({}, stream=stream)
        LOGGER.info("once")
    assert (tmp_path / "stderr").read_text() == "kmodd: once\n"


@pytest.mark.parametrize("announced", ["", "1", "x:y"])
def test_only_the_announced_file_is_the_journal(announced: str) -> None:
    assert not log.is_journal(announced, io.StringIO())


def test_every_line_has_its_prefix() -> None:
    stream = io.StringIO()
    handler = StreamHandler(stream, prefixed=True)
    record = logging.LogRecord(
        "kmodd", logging.CRITICAL, "", 0, "down", (), (ValueError, ValueError("x"), None)
    )
    handler.handle(record)
    assert stream.getvalue() == "<2>down\n<2>ValueError: x\n"


@pytest.mark.parametrize(
    ("level", "expected"), [(50, 2), (40, 3), (30, 4), (25, 6), (20, 6), (10, 7), (0, 7)]
)
def test_levels_are_priorities(level: int, expected: int) -> None:
    assert priority(level) == expected


def test_empty_fields_are_left_out() -> None:
    assert fields(module="dummy", code="") == {"MODULE": "dummy"}
