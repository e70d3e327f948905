"""Packets between daemon and loader."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmodd.kernel.wire import (
    LAST,
    LOST,
    MORE,
    PACKET_LIMIT,
    Answer,
    Places,
    decode_places,
    decode_request,
    encode_answer,
    encode_lost,
    encode_places,
    encode_request,
)


@pytest.mark.parametrize(
    "places",
    [
        Places(),
        Places(sys="/s", kmsg="/k"),
        Places(module_tree="/lib/modules/x y", modprobe_dirs=()),
        Places(modprobe_dirs=("/a", '/b"ä')),
    ],
)
def test_places_survive_the_command_line(places: Places) -> None:
    assert decode_places(encode_places(places)) == places


def test_the_usual_places_take_no_argument() -> None:
    assert encode_places(Places()) == ""


def test_a_request_is_taken_apart_without_its_body() -> None:
    request = decode_request(encode_request(7, b"load", {"options": "a b\n"}))
    assert (request.number, request.verb) == (7, b"load")
    assert json.loads(request.body) == {"options": "a b\n"}


@given(st.text(max_size=100), st.integers(0, 3 * PACKET_LIMIT))
def test_an_answer_of_any_length_comes_in_packets_that_fit(text: str, padding: int) -> None:
    answer = Answer(parameters={"m": {"p": text + "x" * padding}})
    packets = list(encode_answer(2**64 - 1, answer))
    parts = [packet.split(b" ", 2) for packet in packets]
    assert max(map(len, packets)) <= PACKET_LIMIT
    assert [mark for _, mark, _ in parts] == [MORE] * (len(parts) - 1) + [LAST]
    assert json.loads(b"".join(content for _, _, content in parts)) == answer


def test_what_is_lost_takes_its_messages_along_where_they_fit() -> None:
    assert encode_lost(3, ["oops"]) == b"3 %s %s" % (LOST, b'["oops"]')
    assert encode_lost(3, ["x" * PACKET_LIMIT]) == b"3 %s []" % LOST
