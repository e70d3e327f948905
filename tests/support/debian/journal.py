"""Entries of the journal, as journalctl's JSON has them (systemd.journal-fields(7))."""

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; of a field that it has several times only the last value counts."""

    fields: Mapping[str, str]

    @property
    def message(self) -> str:
        """The text."""
        return self.fields.get("MESSAGE", "")

    @property
    def monotonic_us(self) -> int:
        """When journald received it, microseconds of CLOCK_MONOTONIC."""
        return int(self.fields["__MONOTONIC_TIMESTAMP"])


def parse(text: str) -> tuple[Entry, ...]:
    """One JSON object a line."""
    return tuple(Entry(_texts(json.loads(line))) for line in text.splitlines())


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {name: _text(value) for name, value in values.items()}


def _text(value: object) -> str:
    """A string, null for what is too large, a list of bytes for what is not text, a list for several."""
    match value:
        case [*several] if all(isinstance(item, int) for item in several):
            return bytes(int(str(item)) for item in several).decode(errors="replace")
        case [*_, last]:
            return _text(last)
        case str():
            return value
    return ""
