"""What surrounds the daemon: its environment, the journal, uevents."""

import logging
import struct
from collections.abc import Iterator
from io import StringIO

from kmodd.bus import external
from kmodd.bus.address import socket_names
from kmodd.bus.message import WireError
from kmodd.cli.terminal.output import style_of
from kmodd.daemon.log import StreamHandler, datagram, fields
from kmodd.daemon.notify import Notifier, watchdog_interval_s
from kmodd.errors import KmoddError
from kmodd.events import inotify, kernel_filter
from kmodd.events.kernel_device import told
from kmodd.events.match import fulfils, subsystems
from kmodd.model import DeviceMatch
from tests.fuzz import promises

_LOAD = {0x20: 4, 0x28: 2, 0x30: 1}
_HEADER = struct.Struct("@iIII")


class _Terminal(StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def environment(data: bytes) -> None:
    """Whatever a variable holds: names of sockets or NO_BUS, a number or none; a line of the bus or not."""
    value = data.decode("utf-8", "surrogateescape")
    promises.value_of(socket_names, value, refusals=(KmoddError,))
    interval_s = watchdog_interval_s({"WATCHDOG_USEC": value.replace("\0", "")}, 1)
    assert interval_s is None or interval_s > 0
    assert style_of(_Terminal(), {"COLUMNS": value}).width >= 0
    Notifier.from_environment({"NOTIFY_SOCKET": "" if value.startswith(("/", "@")) else value}).status(value)
    answer = promises.value_of(external.next_line, data, refusals=(WireError,))
    assert answer in (None, b"BEGIN\r\n")


def log(data: bytes) -> None:
    """One entry with these fields and no others; one line for a stream."""
    text = data.decode("utf-8", "surrogateescape")
    first, second = text[::2], text[1::2]
    record = logging.LogRecord("kmodd", logging.WARNING, "f", 1, "%s", (text,), None)
    vars(record).update(fields("id", module=first, action=second, outcome=text, code=first))
    entry = dict(_entries(datagram(record)))
    given = fields("id", module=first, action=second, outcome=text)
    assert entry.keys() - {"CODE"} == {"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "LOGGER", *given}
    promises.all_shown(entry.values(), 20 * len(text) + 40)
    line = StreamHandler(StringIO(), prefixed=True).format(record)
    promises.is_shown(line, 20 * len(text) + 40)


def _entries(datagram_: bytes) -> Iterator[tuple[str, str]]:
    """The journal's native protocol, read as journald reads it."""
    while datagram_:
        line, _, datagram_ = datagram_.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(datagram_[:8], "little")
            value, datagram_ = datagram_[8 : 8 + size], datagram_[9 + size :]
        yield name.decode("ascii"), value.decode()


def uevent(data: bytes) -> None:
    """The filter lets through what begins as it should; events of a whole read; matches of any text; what the
    kernel tells of a device.
    """
    passes = any(data.startswith(prefix) for prefix in kernel_filter.MODULE_PREFIXES)
    assert _filtered(kernel_filter.program(kernel_filter.MODULE_PREFIXES), data) is passes
    events = [_event(part) for part in data.split(b"\0")]
    assert [event.name.encode("utf-8", "surrogateescape") for event in inotify.decode(b"".join(events))] == [
        part.rstrip(b"\0") for part in data.split(b"\0")
    ]
    texts = list(map(promises.text, promises.parts(data, 3)))
    match = DeviceMatch(texts[0], texts[1], texts[2], ((texts[0], texts[1]),), ((texts[1], texts[2]),))
    fulfils(match, _Device(texts[1]))
    path, fulfilled = told(data, (match, DeviceMatch(subsystem="*")))
    assert bool(path) is bool(fulfilled)
    subsystems((match,))


def _event(name: bytes) -> bytes:
    padded = name + bytes(-len(name) % 16)
    return _HEADER.pack(1, sum(name) * 0x11, 0, len(padded)) + padded


def _filtered(program: bytes, packet: bytes) -> bool:
    """Classic BPF as the kernel runs it (linux/filter.h), as far as the filter needs it."""
    instructions = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at, accumulator = 0, 0
    while True:
        code, _, jump_false, value = instructions[at]
        at += 1
        if code == 0x06:
            return bool(value)
        if code == 0x15:
            at += 0 if accumulator == value else jump_false
        else:
            width = _LOAD[code]
            if value + width > len(packet):
                return False
            accumulator = int.from_bytes(packet[value : value + width], "big")


class _Device:
    """One that answers the same to everything."""

    def __init__(self, text: str) -> None:
        self.subsystem = self.driver = text

    def property(self, _name: str) -> str | None:
        return self.subsystem or None

    def attribute(self, name: str) -> str | None:
        return self.property(name)
