"""The order of service, with a clock of our own."""

import pytest

from kmodd.bus.fair import FairQueue, Limits
from kmodd.bus.message import CALL, Message

_FLOOD, _OTHER = ":1.1", ":1.2"
_LIMITS = Limits(credit_s=1.0, share=0.5, intake_s=0.0)


def call(sender: str, serial: int = 1, body: bytes = b"") -> Message:
    """A call of ``sender``."""
    return Message(CALL, serial=serial, sender=sender, body=body)


def order(queue: FairQueue, now_s: float = 0.0) -> list[str]:
    """Senders in the order in which they are served."""
    served = []
    while (taken := queue.take(now_s)) is not None:
        served.append(taken.sender)
    return served


def test_one_sender_is_served_in_its_order() -> None:
    queue = FairQueue()
    for serial in (1, 2, 3):
        queue.put(call(_FLOOD, serial), 0)
    assert [taken.serial for _ in range(3) if (taken := queue.take(0))] == [1, 2, 3]


def test_another_sender_does_not_wait_behind_a_flood() -> None:
    queue = FairQueue()
    for serial in range(100):
        queue.put(call(_FLOOD, serial), 0)
    queue.put(call(_OTHER), 0)
    assert order(queue)[:3] == [_FLOOD, _OTHER, _FLOOD]


@pytest.mark.shows("security 7")
def test_a_line_is_bounded_by_number_and_by_bytes() -> None:
    queue = FairQueue(Limits(waiting=2, waiting_bytes=10))
    assert queue.put(call(_FLOOD), 0)
    assert queue.put(call(_FLOOD, body=bytes(10)), 0)
    assert not queue.put(call(_FLOOD), 0)
    assert queue.put(call(_OTHER), 0)
    assert not queue.put(call(_OTHER, body=bytes(11)), 0)


def test_who_has_used_its_credit_waits_for_time_alone() -> None:
    queue = FairQueue(_LIMITS)
    for sender in (_FLOOD, _OTHER):
        queue.put(call(sender), 0)
        queue.put(call(sender), 0)
    queue.charge(_FLOOD, 1.5, 0)
    assert order(queue) == [_OTHER, _OTHER]
    assert queue.delay_s(0) == 1.0
    assert queue.take(1.0) is None
    assert order(queue, 1.1) == [_FLOOD, _FLOOD]


def test_credit_comes_back_up_to_its_limit() -> None:
    queue = FairQueue(_LIMITS)
    queue.put(call(_FLOOD), 0)
    queue.charge(_FLOOD, 1.5, 100)
    assert queue.take(100) is None
    assert queue.delay_s(100) == 1.0


def test_being_refused_costs_too_and_the_debt_ends_somewhere() -> None:
    queue = FairQueue(Limits(waiting=1, credit_s=1.0, share=0.5, intake_s=0.1))
    for _ in range(1000):
        queue.put(call(_FLOOD), 0)
    assert queue.take(0) is None
    assert queue.delay_s(0) == 2.0
    assert queue.take(2.1)


@pytest.mark.shows("security 7")
def test_calls_that_run_on_are_bounded() -> None:
    queue = FairQueue(Limits(running=1))
    for _ in range(3):
        queue.put(call(_FLOOD), 0)
    assert queue.take(0)
    queue.hold(_FLOOD)
    assert queue.take(0) is None
    assert queue.delay_s(0) is None
    queue.release(_FLOOD)
    assert queue.delay_s(0) == 0
    assert queue.take(0)


def test_passing_senders_are_forgotten_and_debtors_are_not() -> None:
    queue = FairQueue(_LIMITS)
    queue.put(call(_FLOOD), 0)
    queue.take(0)
    queue.charge(_FLOOD, 1000, 0)
    for number in range(1000):
        queue.put(call(f":2.{number}"), 0)
        assert queue.take(0)
    assert len(queue._lines) <= 128
    queue.put(call(_FLOOD), 1)
    assert queue.take(1) is None


def test_after_clear_nothing_waits() -> None:
    queue = FairQueue()
    queue.put(call(_FLOOD), 0)
    queue.clear()
    queue.release(_FLOOD)
    queue.charge(_FLOOD, 1, 0)
    assert queue.take(0) is None
    assert queue.delay_s(0) is None
