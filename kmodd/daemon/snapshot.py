"""What a pass leaves behind for everybody who shows something: one frozen record, replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping

from kmodd.core.draft import ObservedModules, Plan
from kmodd.core.initramfs import Copies
from kmodd.core.status import Statuses, daemon_state
from kmodd.model import Catalog, Security
from kmodd.named_tuple import NamedTuple
from kmodd.shown import EMPTY, Condition, DaemonState, Issue


class Snapshot(NamedTuple):
    """The last pass. ``problem`` is the sentence of what kept it from being whole, "" for nothing.

    ``generation`` counts the catalogs that differed from the one before, from 1 on; 0: none yet.
    """

    catalog: Catalog = Catalog()
    generation: int = 0
    state: DaemonState = DaemonState.STARTING
    converged: bool = False
    paused: bool = False
    problem: str = ""
    plan: Plan = Plan()
    observed: ObservedModules = EMPTY
    statuses: Statuses = EMPTY
    kernel_issues: tuple[Issue, ...] = ()
    enforcing: bool = True
    security: Security = Security()
    initramfs: Copies = Copies()
    expecting: bool = False
    """Whether a device that comes is to be followed by its module at once."""

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What is wrong with the files, in themselves and held against this kernel and its initramfs."""
        return (*self.catalog.issues, *self.kernel_issues, *self.initramfs.issues)


def summary(snapshot: Snapshot) -> str:
    """One line for STATUS= (sd_notify(3)): state, how many modules, what is wrong first."""
    counts: Mapping[str, int] = _counts(snapshot)
    parts = [f"{number} {condition}" for condition, number in counts.items()]
    text = f"{snapshot.state}: " + (", ".join(parts) or "no modules declared")
    if not snapshot.enforcing:
        text += "; only reporting"
    errors = sum(issue.severity == "error" for issue in snapshot.issues)
    if errors:
        text += f"; {errors} {'error' if errors == 1 else 'errors'} in the configuration"
    return f"{text}; {snapshot.problem}" if snapshot.problem else text


def needs_somebody(snapshot: Snapshot) -> bool:
    """Whether something is wrong that does not pass by itself; a load that takes long may.

    Where kmodd is to report only, a module that is not as declared is what was asked for.
    """
    enforced = snapshot.statuses.items() if snapshot.enforcing else ()
    others = {n: s for n, s in enforced if s.condition is not Condition.LOADING_SLOW}
    state = daemon_state(snapshot.issues, others, settled=True, paused=False)
    return bool(snapshot.problem) or state is DaemonState.DEGRADED


def _counts(snapshot: Snapshot) -> dict[str, int]:
    counts: dict[str, int] = {}
    for status in snapshot.statuses.values():
        counts[status.condition] = counts.get(status.condition, 0) + 1
    return counts
