"""What people and programs are shown, and in which words (org.kmodd1(5)): by the daemon, or by the tool.

Frozen data without behaviour, as in ``kmodd.model``; apart from it because the tool needs only this.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from kmodd.action import ActionKind
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName

EMPTY: Final[Mapping[Any, Any]] = MappingProxyType({})
"""The default of every mapping in a record: one for all, so nobody may write into it."""


# ------------------------------------------------------------------------------------------- words


class Severity(StrEnum):
    """How much an issue in a file weighs: an error refuses the file, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class ModuleState(StrEnum):
    """Where a module is, as read from the kernel and the module tree."""

    LOADED = "loaded"
    BUILTIN = "builtin"
    LOADING = "loading"
    UNLOADING = "unloading"
    NOT_LOADED = "not-loaded"
    MISSING = "missing"


class Condition(StrEnum):
    """Reason code of a module (org.kmodd1(5)): how the kernel stands to what is desired, and why."""

    IN_SYNC = "in-sync"
    CONDITION_UNMET = "condition-unmet"
    WAITING_FOR_HARDWARE = "waiting-for-hardware"
    WAITING_FOR_DEPENDENCY = "waiting-for-dependency"
    LOADING = "loading"
    LOADING_SLOW = "loading-slow"
    DRIFTED = "drifted"
    RELOAD_PENDING = "reload-pending"
    REBOOT_PENDING = "reboot-pending"
    IN_USE = "in-use"
    DENIED = "denied"
    DENIED_BUT_LOADED = "denied-but-loaded"
    DENIED_BUILTIN = "denied-builtin"
    UNVERIFIABLE = "unverifiable"
    MISSING = "missing"
    BUILTIN = "builtin"
    FAILED = "failed"
    BACKING_OFF = "backing-off"
    QUARANTINED = "quarantined"
    CONFLICT = "conflict"
    NOT_MANAGED = "not-managed"


class FailureCode(StrEnum):
    """Second code of a failure, the first word of its message."""

    UNKNOWN_SYMBOL = "unknown-symbol"
    BAD_FORMAT = "bad-format"
    BAD_SIGNATURE = "bad-signature"
    LOCKDOWN = "lockdown"
    MODULES_DISABLED = "modules-disabled"
    BAD_PARAMETER = "bad-parameter"
    NO_MEMORY = "no-memory"
    INIT_ERROR = "init-error"
    OOPS = "oops"
    HUNG = "hung"
    NOT_RECORDED = "not-recorded"


class Outcome(StrEnum):
    """What came of an action, after reading back."""

    DONE = "done"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"
    FAILED = "failed"


class DaemonState(StrEnum):
    """``State`` of the manager (org.kmodd1(5))."""

    STARTING = "starting"
    CONVERGED = "converged"
    DEGRADED = "degraded"
    PAUSED = "paused"


class Initramfs(StrEnum):
    """``Initramfs`` of the manager: how the copies of the generated files in the initramfs stand."""

    UNKNOWN = ""
    CURRENT = "current"
    STALE = "initramfs-stale"


# ----------------------------------------------------------------------------------------- records


class Location(NamedTuple):
    """A place in a configuration file; line and column count from 1, 0 leaves them open."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        numbers = (str(number) for number in (self.line, self.column) if number)
        return ":".join((self.file, *numbers))


class Issue(NamedTuple):
    """Something wrong in a file: stable code, one sentence, what to do, where."""

    severity: Severity
    code: str
    message: str
    hint: str
    location: Location


class Source(NamedTuple):
    """Provenance of one value: key inside the module's table, the value as text, its place."""

    key: str
    value: str
    location: Location


REPLACED: Final = "replaced "
"""Before the key of a row of Explain(): the row of the key itself, above it, took its place."""


class ActionRow(NamedTuple):
    """One row of ``Plan()``: what would be done, to what, and why."""

    module: ModuleName
    action: ActionKind
    detail: str
    reason: str


class OutcomeRow(NamedTuple):
    """One row of ``Reconcile()`` and of ``ReconcileFinished``."""

    module: ModuleName
    action: ActionKind
    outcome: Outcome


class Drift(NamedTuple):
    """A parameter whose value in the kernel is not the wanted one."""

    parameter: str
    wanted: str
    found: str


class Stage(NamedTuple):
    """A part of a load: find, read, record, insert, verify."""

    name: str
    duration_us: int


class ModuleStatus(NamedTuple):
    """All that is shown of one module (org.kmodd1(5), interface org.kmodd1.Module).

    ``desired`` is "" for a module that is only pulled in. Times are CLOCK_REALTIME microseconds, 0 for never.
    """

    name: ModuleName
    desired: str
    state: ModuleState
    condition: Condition
    message: str
    reason: str = ""
    parameters: Mapping[str, str] = EMPTY
    desired_parameters: Mapping[str, str] = EMPTY
    drift: tuple[Drift, ...] = ()
    refcount: int = 0
    holders: tuple[ModuleName, ...] = ()
    dependencies: tuple[ModuleName, ...] = ()
    blockers: tuple[str, ...] = ()
    memory_bytes: int = 0
    path: str = ""
    version: str = ""
    srcversion: str = ""
    signer: str = ""
    vermagic: str = ""
    vermagic_matches: bool = True
    taint: str = ""
    loaded_us: int = 0
    load_duration_us: int = 0
    stages: tuple[Stage, ...] = ()
    failure_count: int = 0
    next_retry_us: int = 0
    kernel_messages: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
