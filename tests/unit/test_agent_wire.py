"""The line to the guest loses nothing and never runs ahead of its reader."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.agent import wire


@given(st.binary())
def test_any_bytes_come_back(data: bytes) -> None:
    message = wire.unpack(wire.pack({"content": wire.to_text(data)}))
    assert wire.to_bytes(str(message["content"])) == data


@given(st.lists(st.text(), max_size=5))
def test_frames_make_the_lines_again(texts: list[str]) -> None:
    packed = [wire.pack({"text": text * 500}) for text in texts]
    received = [frame for line in packed for frame in wire.frames(line)]
    assert list(wire.lines(received)) == [line.removesuffix(b"\n") for line in packed]


@given(st.text(min_size=1))
def test_the_window_stays_below_what_throttles_a_tty(text: str) -> None:
    longest = max(len(frame) for frame in wire.frames(wire.pack({"text": text * 2000})))
    assert longest * wire.WINDOW < 4096 - 128
