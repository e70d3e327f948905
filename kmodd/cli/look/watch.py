"""``kmoddctl watch``: what happens, a line each, until somebody ends it."""

import time

from kmodd.cli.bus.follow import Daemon, Event, Follower
from kmodd.cli.bus.manager import ask
from kmodd.cli.bus.standing import Row
from kmodd.cli.terminal.output import Options, Output
from kmodd.cli.terminal.render import BOLD, RED, Style, columns_of, paint
from kmodd.cli.terminal.tones import CONDITIONS, OUTCOMES, STATES
from kmodd.names import printable
from kmodd.shown import OutcomeRow

_NAME, _STATE, _CONDITION = 18, 10, 18
"""Columns, so that lines stand below one another that nobody knows in advance."""


def watch(_options: Options, output: Output) -> int:
    """Show every change; only an interrupt or an error ends it."""
    with ask() as manager:
        follower = Follower(manager, lambda event: _show(event, output))
        _show(follower.begin(), output)
        while True:
            follower.wait()


def line(event: Event, style: Style) -> str:
    """An event for a person."""
    match event:
        case Row():
            name = _padded(event.name, BOLD, _NAME, style)
            state = _padded(event.state, "", _STATE, style)
            condition = _padded(event.condition, CONDITIONS.get(event.condition, RED), _CONDITION, style)
            return f"{name}{state}{condition}{printable(event.message)}".rstrip()
        case OutcomeRow():
            name = _padded(event.module, BOLD, _NAME, style)
            outcome = paint(event.outcome, OUTCOMES.get(event.outcome, RED), style)
            return f"{name}{_padded(event.action, '', _STATE, style)}{outcome}"
        case Daemon():
            state = paint(event.state, STATES.get(event.state, RED), style)
            paused = ", enforcement is paused" if event.paused else ""
            return f"kmodd is {state}, generation {event.generation}{paused}"


def _show(event: Event, output: Output) -> None:
    """Write it at once: somebody waits for it."""
    kinds = {Row: "module", OutcomeRow: "action", Daemon: "kmodd"}
    data = {"event": kinds[type(event)], **event._asdict()}
    output.show(data, lambda style: (f"{time.strftime('%H:%M:%S')}  {line(event, style)}",))
    output.stream.flush()


def _padded(text: str, tone: str, width: int, style: Style) -> str:
    return paint(text, tone, style) + " " * max(width - columns_of(printable(text)), 1) + " "
