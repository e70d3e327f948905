"""Memory of this boot, and the part of it that a restart must not forget: which loads were ours.

The file lies under /run, so it ends with the boot. It is believed only while the kernel shows the same
instance of the module (core/memory.py).
"""

import json
from pathlib import Path

from kmodd.core.diagnose import Retry
from kmodd.core.memory import Attempt, LoadRecord, Memory
from kmodd.files import write_atomically
from kmodd.model import Parameter
from kmodd.names import ModuleName, is_module_name

FORMAT = 1


class MemoryStore:
    """Mutable home of the memory; ``path`` is the file of load records."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._attempts: dict[ModuleName, Attempt] = {}
        self._loads = _read(path)
        self._in_flight: dict[ModuleName, int] = {}

    @property
    def memory(self) -> Memory:
        """A snapshot for the core."""
        return Memory(dict(self._attempts), dict(self._loads), dict(self._in_flight))

    def attempt(self, module: ModuleName) -> Attempt | None:
        """The failure that stands for ``module``."""
        return self._attempts.get(module)

    def begin(self, module: ModuleName, now_us: int) -> None:
        """An action of ours on ``module`` starts."""
        self._in_flight[module] = now_us

    def end(self, module: ModuleName, attempt: Attempt | None) -> None:
        """It is over; ``attempt`` is the failure that it left, None for success."""
        self._in_flight.pop(module, None)
        if attempt is None:
            self._attempts.pop(module, None)
        else:
            self._attempts[module] = attempt

    def remember_load(self, module: ModuleName, record: LoadRecord) -> None:
        """Keep that this instance is ours, across restarts of the daemon. Raises OSError."""
        self._loads[module] = record
        self._write()

    def forget_failures(
        self, retries: frozenset[Retry], modules: frozenset[ModuleName] | None = None
    ) -> None:
        """Drop the failures that wait for one of ``retries``, of all modules or of those named."""
        for module, attempt in list(self._attempts.items()):
            if attempt.retry in retries and (modules is None or module in modules):
                del self._attempts[module]

    def _write(self) -> None:
        rows = {
            name: [
                record.instance,
                record.loaded_us,
                record.duration_us,
                [[p.name, p.value] for p in record.parameters],
            ]
            for name, record in self._loads.items()
        }
        write_atomically(self._path, json.dumps({"format": FORMAT, "loads": rows}).encode())


def _read(path: Path) -> dict[ModuleName, LoadRecord]:
    """Records as far as they can be read; a damaged file is as none."""
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT:
            return {}
        return {
            ModuleName(name): LoadRecord(
                int(instance),
                tuple(Parameter(str(key), str(value)) for key, value in parameters),
                int(loaded_us),
                int(duration_us),
            )
            for name, (instance, loaded_us, duration_us, parameters) in document["loads"].items()
            if is_module_name(name)
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}
