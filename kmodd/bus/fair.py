"""Calls waiting to be served: a line for each sender, served in turn, each sender paying for its own calls.

Whoever floods waits behind its own calls: its line is bounded, the time its calls take is taken off its
credit, and without credit it waits while others are served. Pure: the clock comes in from outside.
"""

from __future__ import annotations

from collections import deque

from kmodd.bus.message import Message
from kmodd.named_tuple import NamedTuple

_FEW_LINES = 64


class Limits(NamedTuple):
    """What one sender may take; credit is seconds of serving, of which ``share`` come back each second.

    Every call costs ``intake_s``, refused ones too: who floods pays for being refused, and is not served
    before it stops. The debt ends at the size of a full credit.
    """

    waiting: int = 256
    waiting_bytes: int = 1024 * 1024
    running: int = 8
    credit_s: float = 0.25
    share: float = 0.5
    intake_s: float = 50e-6


class _Line:
    """One sender: its calls in order, how many run on, and its credit as of ``seen_s``."""

    __slots__ = ("calls", "credit_s", "running", "seen_s", "size")

    def __init__(self, credit_s: float, seen_s: float) -> None:
        self.credit_s = credit_s
        self.seen_s = seen_s
        self.calls: deque[Message] = deque()
        self.size = 0
        self.running = 0


class FairQueue:
    """First come, first served within a sender; round robin between senders. Times are monotonic seconds."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._lines: dict[str, _Line] = {}
        self._turns: deque[str] = deque()
        """Senders with waiting calls, the next one first."""
        self._look_for_idle_at = _FEW_LINES

    def put(self, call: Message, now_s: float) -> bool:
        """Queue ``call``; False when its sender's line is full."""
        line = self._lines.get(call.sender)
        if line is None:
            if len(self._lines) >= self._look_for_idle_at:
                self._forget_idle(now_s)
            line = self._lines[call.sender] = _Line(self._limits.credit_s, now_s)
        self._charge(line, self._limits.intake_s, now_s)
        size = line.size + len(call.body)
        if len(line.calls) >= self._limits.waiting or size > self._limits.waiting_bytes:
            return False
        if not line.calls:
            self._turns.append(call.sender)
        line.calls.append(call)
        line.size = size
        return True

    def take(self, now_s: float) -> Message | None:
        """The next call that may be served now; its sender goes to the end of the round."""
        for _ in range(len(self._turns)):
            sender = self._turns.popleft()
            line = self._lines[sender]
            if line.running >= self._limits.running or self._credit(line, now_s) <= 0:
                self._turns.append(sender)
                continue
            call = line.calls.popleft()
            line.size -= len(call.body)
            if line.calls:
                self._turns.append(sender)
            return call
        return None

    def charge(self, sender: str, seconds: float, now_s: float) -> None:
        """Take what serving a call of ``sender`` cost off its credit."""
        if (line := self._lines.get(sender)) is not None:
            self._charge(line, seconds, now_s)

    def hold(self, sender: str) -> None:
        """A call of ``sender`` runs on, beside the others; release() when it has ended."""
        self._lines[sender].running += 1

    def release(self, sender: str) -> None:
        """A call of ``sender`` that ran on has ended."""
        if (line := self._lines.get(sender)) is not None:
            line.running -= 1

    def delay_s(self, now_s: float) -> float | None:
        """Seconds until time alone lets a waiting call be served; None when it does not."""
        able = [line for line in map(self._lines.__getitem__, self._turns) if self._has_room(line)]
        return min((max(0.0, -self._credit(line, now_s) / self._limits.share) for line in able), default=None)

    def clear(self) -> None:
        """Forget every call and sender."""
        self._lines.clear()
        self._turns.clear()

    def _charge(self, line: _Line, seconds: float, now_s: float) -> None:
        line.credit_s = max(self._credit(line, now_s) - seconds, -self._limits.credit_s)

    def _has_room(self, line: _Line) -> bool:
        return line.running < self._limits.running

    def _credit(self, line: _Line, now_s: float) -> float:
        earned = (now_s - line.seen_s) * self._limits.share
        line.credit_s = min(self._limits.credit_s, line.credit_s + earned)
        line.seen_s = now_s
        return line.credit_s

    def _forget_idle(self, now_s: float) -> None:
        """Drop senders that a new line would not favour: nothing waits or runs, and the credit is back."""
        for sender, line in list(self._lines.items()):
            idle = not line.calls and not line.running
            if idle and self._credit(line, now_s) >= self._limits.credit_s:
                del self._lines[sender]
        self._look_for_idle_at = max(_FEW_LINES, 2 * len(self._lines))
