"""Whose kernel message is it? The log has no module in it, but most modules write their name first."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from kmodd.names import ModuleName


class Crowd:
    """Who is being changed at the same time as whom."""

    def __init__(self) -> None:
        self._present: list[tuple[ModuleName, set[ModuleName]]] = []

    @contextmanager
    def entered(self, module: ModuleName) -> Iterator[set[ModuleName]]:
        """While ``module`` is being changed: the others that were, at any moment of it."""
        entry = (module, {other for other, _ in self._present} - {module})
        for other, its_others in self._present:
            if other != module:
                its_others.add(module)
        self._present.append(entry)
        try:
            yield entry[1]
        finally:
            # By identity: two entries can be equal.
            self._present = [present for present in self._present if present is not entry]


def without_others(
    messages: Iterable[str], module: ModuleName, others: Iterable[ModuleName]
) -> tuple[str, ...]:
    """``messages`` less those that begin with the name of one of ``others``; what is in doubt stays."""
    foreign = set(others) - {module}
    return tuple(text for text in messages if text.partition(":")[0].replace("-", "_") not in foreign)
