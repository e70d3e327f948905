"""What daemon and loader say to each other over their SOCK_SEQPACKET socket.

A request is one packet, ``NUMBER VERB JSON``. Its answer is one JSON text in packets ``NUMBER MARK SLICE``:
"+" more follows, "." the last one; "!" says that the child ended without a word, and what the kernel logged.
Numbers tell the answers of many children apart; the packets of one child come in order.

Imported by the loader: nothing heavy in here (no dataclasses, no asyncio).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from kmodd.named_tuple import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, TypedDict

# Far below the default SO_SNDBUF (net.core.wmem_default, 212992), which bounds a packet (unix(7)).
PACKET_LIMIT: Final = 32768
MORE: Final = b"+"
LAST: Final = b"."
LOST: Final = b"!"


class Places(NamedTuple):
    """The part of ``Roots`` that the loader needs, and the file of modprobe.d that kmodd itself writes.

    ``kmsg_files`` open files of the kernel's log follow the loader's end of the socket.
    ``modprobe_file`` can change at run time, so it comes with each request that needs it; "" for none.
    """

    sys: str = "/sys"
    proc: str = "/proc"
    kmsg: str = "/dev/kmsg"
    kmsg_files: int = 0
    module_tree: str | None = None
    modprobe_dirs: tuple[str, ...] | None = None
    modprobe_file: str = ""


class Request(NamedTuple):
    """A request packet, its body not yet decoded."""

    number: int
    verb: bytes
    body: bytes


# kind, text, references; as in ``model.User``.
UserRow = tuple[str, str, int]

if TYPE_CHECKING:

    class ReportRow(TypedDict):
        """What came of a load, an unload or a write; fields as in ``model.Report``."""

        error: int
        started_us: int
        finished_us: int
        stages: list[tuple[str, int]]
        shown: list[tuple[str, str]]
        messages: list[str]
        unwritten: int
        begun: bool

    class LineRow(TypedDict):
        """A line of modprobe.d; as in ``model.ConfLine``."""

        file: str
        line: int
        text: str

    class ModuleRow(TypedDict):
        """What the module tree knows of one module; fields as in ``model.ModuleInfo``."""

        name: str
        path: str
        builtin: bool
        alias_of: list[str]
        dependencies: list[str]
        softdeps_before: list[str]
        softdeps_after: list[str]
        options: str
        install_command: str
        remove_command: str
        blacklisted: bool
        has_modinfo: bool
        parameter_types: list[tuple[str, str]]
        version: str
        srcversion: str
        vermagic: str
        signer: str
        aliases: list[str]
        similar: list[str]
        conf_lines: list[LineRow]

    class ProofRow(TypedDict):
        """Whether a denied module is kept out; fields as in ``model.Proof``."""

        module: str
        checked: int
        open_ways: list[str]
        culprits: list[LineRow]
        init_functions: list[str]

    class RestraintRow(TypedDict):
        """What the generated file comes to; fields as in ``model.Restraint``."""

        proofs: list[ProofRow]
        options: dict[str, str]

    class SymbolsRow(TypedDict):
        """Symbols of a module's file; fields as in ``model.Symbols``."""

        needed: list[tuple[str, str]]
        exported: list[str]

    class Failure(TypedDict):
        """A ``KmoddError`` on its way to the daemon; ``kind`` is the code of its kind."""

        kind: str
        message: str
        hint: str

    class LostRow(TypedDict):
        """The child (``died``) or the whole loader ended without a word; what the kernel logged meanwhile."""

        died: bool
        messages: list[str]

    class Answer(TypedDict, total=False):
        """What one child has to say, or what is said for it (``lost``): exactly one of these."""

        lost: LostRow
        report: ReportRow
        modules: list[ModuleRow]
        parameters: dict[str, dict[str, str]]
        restraint: RestraintRow
        users: dict[str, list[UserRow]]
        symbols: SymbolsRow
        digests: dict[str, str]
        failure: Failure
else:
    # Calling a TypedDict makes a dict; nine such classes are a twelfth of the loader's start.
    ReportRow = LineRow = ModuleRow = ProofRow = RestraintRow = SymbolsRow = Failure = LostRow = Answer = dict


def encode_places(places: Places) -> str:
    """``places`` as an argument of the loader: what differs from the usual ones, "" for nothing."""
    usual = Places()._asdict()
    other = {name: value for name, value in places._asdict().items() if value != usual[name]}
    return json.dumps(other) if other else ""


def decode_places(text: str) -> Places:
    """Inverse of ``encode_places``."""
    fields = json.loads(text) if text else {}
    if "modprobe_dirs" in fields:
        fields["modprobe_dirs"] = tuple(fields["modprobe_dirs"])
    return Places(**fields)


def encode_request(number: int, verb: bytes, body: dict[str, Any]) -> bytes:
    """The packet of a request; may be longer than PACKET_LIMIT, which the sender has to refuse."""
    return b"%d %s %s" % (number, verb, json.dumps(body).encode("ascii"))


def decode_request(packet: bytes) -> Request:
    """Inverse of ``encode_request``, without looking into the body. Raises ValueError."""
    number, verb, body = packet.split(b" ", 2)
    return Request(int(number), verb, body)


def encode_answer(number: int, answer: Answer) -> Iterator[bytes]:
    """Packets of an answer, each within PACKET_LIMIT; ASCII, so that it can be cut anywhere."""
    text = json.dumps(answer, separators=(",", ":")).encode("ascii")
    room = PACKET_LIMIT - 32  # the longest header is "18446744073709551615 + "
    for start in range(0, len(text), room):
        mark = MORE if start + room < len(text) else LAST
        yield b"%d %s %s" % (number, mark, text[start : start + room])


def encode_lost(number: int, messages: list[str]) -> bytes:
    """The packet for a child that ended without a word; ``messages`` are dropped where they do not fit."""
    packet = b"%d %s %s" % (number, LOST, json.dumps(messages).encode("ascii"))
    return packet if len(packet) <= PACKET_LIMIT else b"%d %s []" % (number, LOST)
