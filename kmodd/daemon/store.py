"""Memory of this boot, and the part of it that a restart must not forget.

That is: which loads and writes were ours, what was taken out to be loaded again, and whose device was there.
The file lies under /run, so it ends with the boot. A record is believed only while the kernel shows the same
instance of the module (core/memory.py).
"""

import json
from collections.abc import Collection, Container, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kmodd.core.diagnose import Retry
from kmodd.core.memory import (
    Attempt,
    Crash,
    Flight,
    Guarded,
    LoadRecord,
    Memory,
    Successes,
    Wait,
    succeeded,
)
from kmodd.files import write_atomically
from kmodd.model import ObservedModule, Parameter
from kmodd.names import ModuleName, is_module_name
from kmodd.shown import ActionKind, ModuleState, Stage

FORMAT = 3
_MOST = (1 << 63) - 1


class MemoryStore:
    """Mutable home of the memory; ``path`` is the file of what outlives the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._attempts: dict[ModuleName, Attempt] = {}
        self._in_flight: dict[ModuleName, Flight] = {}
        self._ends: dict[ModuleName, tuple[int, Flight]] = {}
        self.ends = 0
        """How many actions have ended well: tells before and after where a clock may not."""
        self._successes: Successes = {}
        self._waits: dict[ModuleName, Wait] = {}
        kept = _read(path)
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
    ) -> None:
        """What the kernel shows settles what is owed, and so does a file that wants it out (``unwanted``).

        ``present``: modules whose device is there.
        """
        back = {n for n in self._owed if n in observed and observed[n].state is ModuleState.LOADED}
        # Without device and module there is nothing left to follow.
        met = {name for name in self._met if name in observed} | set(present)
        self._settle(self._owed - (back - self._in_flight.keys()) - set(unwanted), met)

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
        loads = {name: _row(record) for name, record in self._loads.items()}
        document = {
            "format": FORMAT,
            "loads": loads,
            "owed": sorted(self._owed),
            "met": sorted(self._met),
            "crashes": dict(self._crashes),
        }
        write_atomically(self._path, json.dumps(document).encode())


class _Busy(Container[ModuleName]):
    """A view: what is under way when it is asked."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def __contains__(self, module: object) -> bool:
        return self._store.is_busy(module)


def _merged(old: Iterable[Parameter], new: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """One of each name, the new ones in the place of the old."""
    return tuple({p.name: p for p in (*old, *new)}.values())


def _row(record: LoadRecord) -> dict[str, Any]:
    """A record without the kernel's messages, which are for the moment."""
    return record._replace(messages=())._asdict()


def _read(path: Path) -> Memory:
    """What was kept, as far as it can be read; a damaged file is as none."""
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT:
            return Memory()
        loads = {
            ModuleName(name): _record(row) for name, row in document["loads"].items() if is_module_name(name)
        }
        crashes = {
            ModuleName(name): Crash(ActionKind(kind), tuple(map(str, messages)))
            for name, (kind, messages) in document["crashes"].items()
            if is_module_name(name)
        }
        return Memory(
            loads=loads, owed=_names(document["owed"]), met=_names(document["met"]), crashes=crashes
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return Memory()


def _record(row: dict[str, Any]) -> LoadRecord:
    return LoadRecord(
        instance=_number(row["instance"]),
        parameters=_parameters(row["parameters"]),
        loaded_us=_number(row["loaded_us"]),
        duration_us=_number(row["duration_us"]),
        shown=_parameters(row["shown"]),
        stages=tuple(Stage(str(name), _number(duration_us)) for name, duration_us in row["stages"]),
        ignored=_parameters(row.get("ignored", ())),  # an older kmodd did not keep them
    )


def _number(value: Any) -> int:
    """One that the bus can carry; raises ValueError."""
    number = int(value)
    if not 0 <= number <= _MOST:
        raise ValueError(f"{number} is no count of this boot")
    return number


def _parameters(rows: Iterable[tuple[str, str]]) -> tuple[Parameter, ...]:
    return tuple(Parameter(str(name), str(value)) for name, value in rows)


def _names(names: Iterable[str]) -> frozenset[ModuleName]:
    return frozenset(ModuleName(name) for name in names if is_module_name(name))
