"""Memory of this boot, and the part of it that a restart must not forget.

That is: which loads and writes were ours, what was taken out to be loaded again, and whose device was there.
The files lie under /run, so they end with the boot. A record is believed only while the kernel shows the same
instance of the module (core/memory.py).
"""

from collections.abc import Collection, Container, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from kmodd.action import ActionKind
from kmodd.core.memory import (
    Attempt,
    Crash,
    Flight,
    Guarded,
    LoadRecord,
    Memory,
    Retry,
    Successes,
    Wait,
    succeeded,
)
from kmodd.daemon.memory_file import Kept, MemoryFile
from kmodd.model import ObservedModule, Parameter
from kmodd.names import ModuleName
from kmodd.shown import ModuleState


class MemoryStore:
    """Mutable home of the memory; ``path`` is the file of what outlives the process."""

    def __init__(self, path: Path) -> None:
        self._file = MemoryFile(path)
        self._attempts: dict[ModuleName, Attempt] = {}
        self._in_flight: dict[ModuleName, Flight] = {}
        self._ends: dict[ModuleName, tuple[int, Flight]] = {}
        self.ends = 0
        """How many actions have ended well: tells before and after where a clock may not."""
        self._successes: Successes = {}
        self._waits: dict[ModuleName, Wait] = {}
        kept = self._file.read()
        self._loads = dict(kept.loads)
        self._owed = set(kept.owed)
        self._met = set(kept.met)
        self._crashes = dict(kept.crashes)
        self.guarded = Guarded()
        """What the crash guard says; it replaces this."""

    @property
    def memory(self) -> Memory:
        """A snapshot for the core."""
        return Memory(
            dict(self._attempts),
            dict(self._loads),
            {**self.guarded.flights, **self._in_flight},
            self._successes,
            dict(self._waits),
            frozenset(self._owed),
            frozenset(self._met),
            dict(self._crashes),
            self.guarded.quarantines,
            self.guarded.suspects,
        )

    @property
    def busy(self) -> Container[ModuleName]:
        """Modules on which an action of ours is under way, at whatever moment that is asked."""
        return _Busy(self)

    def is_busy(self, module: object) -> bool:
        """Whether an action of ours is under way, of this process or of one before it."""
        return module in self._in_flight or module in self.guarded.flights

    @property
    def crashes(self) -> Mapping[ModuleName, Crash]:
        """What crashed in this boot."""
        return self._crashes

    def attempt(self, module: ModuleName) -> Attempt | None:
        """The failure that stands for ``module``."""
        return self._attempts.get(module)

    def begin(self, module: ModuleName, kind: ActionKind, now_us: int) -> None:
        """An action of ours on ``module`` starts."""
        self._in_flight[module] = Flight(kind, now_us)

    def end(self, module: ModuleName, attempt: Attempt | None) -> None:
        """It is over; ``attempt`` is the failure that it left, None for success."""
        flight = self._in_flight.pop(module, None)
        if flight is not None and attempt is None:
            self._ends[module] = (self.ends, flight)
            self.ends += 1
        if attempt is None:
            self._attempts.pop(module, None)
        else:
            self._attempts[module] = attempt

    def ended_since(self, ends: int) -> dict[ModuleName, Flight]:
        """What has ended well since ``self.ends`` was this."""
        return {module: flight for module, (number, flight) in self._ends.items() if number >= ends}

    def succeed(self, module: ModuleName, kind: ActionKind, now_us: int, chance: float) -> None:
        """Something of ours was done; if it does not hold, it is not done again at once."""
        owed = module in self._owed
        self._successes = succeeded(self._successes, module, kind, now_us, chance, owed=owed)

    def remember_load(self, module: ModuleName, record: LoadRecord) -> None:
        """Keep that this instance is ours, across restarts of the daemon. Raises OSError."""
        self._loads[module] = record
        if not self._file.add_load(module, record):
            self._write()

    def remember_write(
        self, module: ModuleName, instance: int, written: Iterable[Parameter], shown: Iterable[Parameter]
    ) -> None:
        """Keep what was written to this instance, and what it then read as. Raises OSError."""
        old = self._loads.get(module)
        if old is None or old.instance != instance:
            old = LoadRecord(instance, (), 0, 0)
        parameters, read = _merged(old.parameters, written), _merged(old.shown, shown)
        self.remember_load(module, old._replace(parameters=parameters, shown=read))

    def remember_crash(self, module: ModuleName, crash: Crash) -> None:
        """Keep for as long as the boot that a change crashed; the first counts. Raises OSError."""
        if module not in self._crashes:
            self._crashes[module] = crash
            self._write()

    def owe(self, module: ModuleName) -> None:
        """``module`` is about to be taken out and is to be loaded again. Raises OSError."""
        self._owed.add(module)
        self._write()

    def disown(self, module: ModuleName) -> None:
        """``module`` was not taken out by kmodd after all, so it is not for kmodd to bring it back."""
        self._settle(self._owed - {module}, self._met)

    def look(
        self,
        observed: Mapping[ModuleName, ObservedModule],
        present: Collection[ModuleName],
        unwanted: Collection[ModuleName] = (),
    ) -> frozenset[ModuleName]:
        """What the kernel shows settles what is owed, and so does a file that wants it out (``unwanted``).

        ``present``: modules whose device is there. Returns what is not owed any more.
        """
        back = {n for n in self._owed if n in observed and observed[n].state is ModuleState.LOADED}
        # Without device and module there is nothing left to follow.
        met = {name for name in self._met if name in observed} | set(present)
        settled = self._owed & ((back - self._in_flight.keys()) | set(unwanted))
        self._settle(self._owed - settled, met)
        return frozenset(settled)

    def _settle(self, owed: set[ModuleName], met: set[ModuleName]) -> None:
        if (owed, met) != (self._owed, self._met):
            self._owed, self._met = owed, met
            with suppress(OSError):  # the next one that must be kept tells of it
                self._write()

    def wait_for(
        self, names: Collection[ModuleName], observed: Mapping[ModuleName, ObservedModule], now_us: int
    ) -> None:
        """Keep since when each of ``names`` is waited for, and forget all others."""
        waits: dict[ModuleName, Wait] = {}
        for name in names:
            seen = observed.get(name)
            instance = seen.instance if seen is not None else 0
            old = self._waits.get(name)
            waits[name] = old if old is not None and old.instance == instance else Wait(instance, now_us)
        self._waits = waits

    def forget_failures(
        self, retries: frozenset[Retry], modules: frozenset[ModuleName] | None = None
    ) -> None:
        """Drop the failures that wait for one of ``retries``, of all modules or of those named."""
        for module, attempt in list(self._attempts.items()):
            if attempt.retry in retries and (modules is None or module in modules):
                del self._attempts[module]

    def forget_successes(self, module: ModuleName | None = None) -> None:
        """Somebody wants everything to be tried anew, or one module."""
        kept = {} if module is None else self._successes
        self._successes = {key: success for key, success in kept.items() if key[0] != module}

    def _write(self) -> None:
        self._file.write(Kept(self._loads, self._owed, self._met, self._crashes))


class _Busy(Container[ModuleName]):
    """A view: what is under way when it is asked."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def __contains__(self, module: object) -> bool:
        return self._store.is_busy(module)


def _merged(old: Iterable[Parameter], new: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """One of each name, the new ones in the place of the old."""
    return tuple({p.name: p for p in (*old, *new)}.values())
