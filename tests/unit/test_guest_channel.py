"""A guest that does not answer, does not read or ends is an error that shows its console."""

import socket
from collections.abc import Iterator

import pytest

from tests.support.agent import wire
from tests.support.guest import channel as module
from tests.support.guest.channel import Channel, GuestError, MachineLost

CONSOLE = "Kernel panic - not syncing"


class Peer:
    """The guest's end, as a test plays it."""

    def __init__(self) -> None:
        self._line, self.inside = socket.socketpair()
        self.channel = Channel(self._line, lambda: CONSOLE)

    def say(self, **message: object) -> None:
        """Send a message of the agent's."""
        self.inside.sendall(wire.pack(message))

    def end(self) -> None:
        """The kernel is gone, and with it this end."""
        self.inside.close()
        self.channel.join()
        self._line.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A guest that has said nothing yet."""
    played = Peer()
    yield played
    played.end()


def test_an_answer_reaches_its_request(peer: Peer) -> None:
    first, second = peer.channel.submit("first"), peer.channel.submit("second")
    peer.say(id=2, result="two")
    peer.say(id=1, error="OSError: one")
    assert peer.channel.result(second, 10) == "two"
    with pytest.raises(GuestError, match="OSError: one"):
        peer.channel.result(first, 10)


def test_a_guest_that_does_not_answer_is_given_up(peer: Peer) -> None:
    first, second = peer.channel.submit("first"), peer.channel.submit("second")
    with pytest.raises(MachineLost, match=f"did not answer.*\n{CONSOLE}"):
        peer.channel.result(first, 0.01)
    with pytest.raises(MachineLost):
        peer.channel.result(second, 10)
    with pytest.raises(MachineLost, match="did not answer"):
        peer.channel.submit("third")


def test_a_guest_that_ends_fails_what_it_was_asked(peer: Peer) -> None:
    request = peer.channel.submit("first")
    peer.end()
    with pytest.raises(MachineLost, match=f"the guest ended.*\n{CONSOLE}"):
        peer.channel.result(request, 10)


def test_a_guest_that_reads_nothing_is_given_up(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_DEAF_S", 0.01)
    with pytest.raises(MachineLost, match=f"has read nothing.*\n{CONSOLE}"):
        peer.channel.submit("write_file", content="x" * 100_000)
    with pytest.raises(MachineLost, match="has read nothing"):
        peer.channel.result(peer.channel.ready, 10)
