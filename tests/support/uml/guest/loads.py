"""Which modules are between insertion and the end of their init at the same time, as the kernel lists them."""

import threading
from pathlib import Path

_PERIOD_S = 0.002


class LoadWatch:
    """Looks at /proc/modules often; the kernel offers no event for the begin of a load."""

    def __init__(self) -> None:
        self._seen: set[frozenset[str]] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start_watching(self) -> None:
        """Begin; one watch at a time."""
        self._seen, self._stop = set(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loads", daemon=True)
        self._thread.start()

    def stop_watching(self) -> list[list[str]]:
        """End; every set of modules that were seen loading together, of one or more."""
        assert self._thread is not None
        self._stop.set()
        self._thread.join()
        return [sorted(names) for names in self._seen if names]

    def _watch(self) -> None:
        while not self._stop.wait(_PERIOD_S):
            lines = Path("/proc/modules").read_text().splitlines()
            self._seen.add(frozenset(line.split()[0] for line in lines if " Loading " in line))
