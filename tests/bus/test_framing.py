"""Messages cut out of a stream, in whatever pieces it comes."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmodd.bus import decode, outgoing
from kmodd.bus.decode import (
    MAX_CALL_BODY_BYTES,
    MAX_FIELDS_BYTES,
    MAX_MESSAGE_BYTES,
    Frame,
    Framer,
    decode_message,
)
from kmodd.bus.message import CALL, RETURN, Message, WireError

_TARGET = ("org.kmodd1", "/org/kmodd1", "org.kmodd1.Manager", "GetModule")


def call(body_bytes: int) -> bytes:
    """A call with a body of this size."""
    return outgoing.method_call(1, _TARGET, "ay", bytes(body_bytes))


def answer(body_bytes: int) -> bytes:
    """An answer with a body of this size."""
    return outgoing.method_return(1, Message(CALL, serial=1), "ay", bytes(body_bytes))


def frames(framer: Framer) -> list[Frame]:
    """All that can be had now."""
    found = []
    while (frame := framer.next()) is not None:
        found.append(frame)
    return found


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), max_size=8), st.integers(1, 500))
def test_pieces_do_not_matter(bodies: list[int], piece: int) -> None:
    messages = [call(size) for size in bodies]
    stream = b"".join(messages)
    framer = Framer()
    found = []
    for at in range(0, len(stream), piece):
        framer.feed(stream[at : at + piece])
        found += frames(framer)
    assert found == [Frame(message) for message in messages]


@pytest.mark.parametrize("piece", [100, 4096, 10_000_000])
def test_a_long_body_is_skipped_and_its_header_kept(piece: int) -> None:
    stream = call(MAX_CALL_BODY_BYTES + 1) + answer(MAX_MESSAGE_BYTES + 1) + call(4)
    framer = Framer()
    found = []
    for at in range(0, len(stream), piece):
        framer.feed(stream[at : at + piece])
        found += frames(framer)
    assert [(frame.cut, decode_message(frame.data).kind) for frame in found] == [
        (True, CALL),
        (True, RETURN),
        (False, CALL),
    ]


def test_what_is_just_not_too_long_comes_whole() -> None:
    framer = Framer()
    framer.feed(call(MAX_CALL_BODY_BYTES) + answer(MAX_MESSAGE_BYTES))
    assert [frame.cut for frame in frames(framer)] == [False, False]


def test_a_skipped_body_is_not_held_in_memory() -> None:
    framer = Framer()
    framer.feed(call(60_000_000)[:1000])
    frames(framer)
    for _ in range(50):
        framer.feed(bytes(1_000_000))
        assert frames(framer) == []
    assert len(framer._buffer) == 0


def test_an_unreasonable_header_is_passed_over() -> None:
    size = MAX_FIELDS_BYTES + 8
    framer = Framer()
    framer.feed(struct.pack("<BBBBIII", ord("l"), CALL, 0, 1, 8, 1, size) + bytes(size + 8) + call(1))
    assert [frame.data for frame in frames(framer)] == [call(1)]
    assert framer.dropped == 1


@pytest.mark.parametrize(
    "start",
    [
        b"x" + bytes(15),
        struct.pack("<BBBBIII", ord("l"), CALL, 0, 2, 0, 1, 0),
        struct.pack("<BBBBIII", ord("l"), CALL, 0, 1, 0xFFFFFFFF, 1, 0),
    ],
)
def test_a_stream_that_is_not_dbus(start: bytes) -> None:
    framer = Framer()
    framer.feed(start)
    with pytest.raises(WireError):
        framer.next()


def test_only_headers_of_a_reasonable_size_are_kept() -> None:
    kept = vars(decode._kept_fields)["answers"]
    decode_message(call(0))
    before = list(kept)
    assert before
    for length in (2000, 30_000):
        path = f"/{'a' * length}"
        assert decode_message(outgoing.method_call(1, ("org.kmodd1", path, "", "Ping"))).path == path
    decode_message(call(0))
    assert list(kept) == before
