"""The data that everything else passes around: frozen, without behaviour, without I/O.

Declared (what files say) -> desired (after facts) and observed (what the kernel says) -> plan -> outcome.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from kmodd.names import ModuleName

EMPTY: Final[Mapping[Any, Any]] = MappingProxyType({})
"""The default of every mapping in a record: one for all, so nobody may write into it."""


class Severity(StrEnum):
    """How much an issue in a file weighs: an error refuses the file, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Desired(StrEnum):
    """``state`` of a module table (kmodd.d(5))."""

    LOADED = "loaded"
    AUTO = "auto"
    UNLOADED = "unloaded"
    DENIED = "denied"


class ParameterPolicy(StrEnum):
    """``on_parameter_change``: how far up the ladder kmodd may go by itself."""

    WRITE = "write"
    RELOAD = "reload"
    REPORT = "report"


class WhenGone(StrEnum):
    """``when_gone``: what happens after the last matching device has gone."""

    KEEP = "keep"
    UNLOAD = "unload"


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


class ActionKind(StrEnum):
    """A change of the kernel that the loader can carry out."""

    LOAD = "load"
    UNLOAD = "unload"
    WRITE = "write"


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


# ---------------------------------------------------------------------------------------- declared


class Location(NamedTuple):
    """A place in a configuration file; line and column count from 1, 0 means the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class Issue(NamedTuple):
    """Something wrong in a file: stable code, one sentence, what to do, where."""

    severity: Severity
    code: str
    message: str
    hint: str
    location: Location


class Source(NamedTuple):
    """Provenance of one effective value: key inside the module's table, the value as text, its place."""

    key: str
    value: str
    location: Location


class Parameter(NamedTuple):
    """A module parameter; ``value`` is the text that the kernel is to parse, without quoting."""

    name: str
    value: str


class DeviceMatch(NamedTuple):
    """One table of ``when.device``: everything given must match; values are shell globs, "" is not asked."""

    modalias: str = ""
    subsystem: str = ""
    driver: str = ""
    properties: tuple[tuple[str, str], ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


class When(NamedTuple):
    """``when``: every entry of every list must hold; an entry that begins with "!" is negated."""

    devices: tuple[DeviceMatch, ...] = ()
    kernel: tuple[str, ...] = ()
    architecture: tuple[str, ...] = ()
    virtualization: tuple[str, ...] = ()
    path_exists: tuple[str, ...] = ()
    kernel_command_line: tuple[str, ...] = ()
    dmi: tuple[str, ...] = ()


class Ready(NamedTuple):
    """``ready``: what must appear after loading before dependants go on."""

    path_exists: str = ""
    device: DeviceMatch | None = None
    timeout_s: float = 10.0


class Declaration(NamedTuple):
    """One module as all files together declare it (kmodd.d(5)), before conditions are looked at."""

    name: ModuleName
    state: Desired = Desired.LOADED
    parameters: tuple[Parameter, ...] = ()
    on_parameter_change: ParameterPolicy = ParameterPolicy.WRITE
    after: tuple[ModuleName, ...] = ()
    before: tuple[ModuleName, ...] = ()
    requires: tuple[ModuleName, ...] = ()
    wants: tuple[ModuleName, ...] = ()
    conflicts: tuple[ModuleName, ...] = ()
    replaces: tuple[ModuleName, ...] = ()
    when: When = When()
    when_gone: WhenGone = WhenGone.KEEP
    ready: Ready | None = None
    load_timeout_s: float = 30.0
    reason: str = ""
    sources: tuple[Source, ...] = ()


class Settings(NamedTuple):
    """The daemon's own settings (kmodd.toml(5)); times in seconds."""

    enforce: bool = True
    resync_interval_s: float = 600.0
    event_quiet_time_s: float = 0.1
    parallel_loads: int = 0
    """0: as many as there are processors."""
    modprobe_file: str = "/etc/modprobe.d/00-kmodd.conf"
    quarantine: str = "best-effort"


class Catalog(NamedTuple):
    """All files, compiled: what is declared and what is wrong with the files.

    ``key`` identifies the exact files and the compiler that made it.
    """

    key: str = ""
    declarations: tuple[Declaration, ...] = ()
    issues: tuple[Issue, ...] = ()
    settings: Settings = Settings()


# ------------------------------------------------------------------------------- what there is


class ModuleInfo(NamedTuple):
    """What the module tree and modprobe.d know of a module (libkmod), for one kernel release.

    ``dependencies`` are all that must be in first, in order of loading. ``options`` is what modprobe.d gives
    for it. ``alias_of`` is what the name resolves to if no module has it. From ``parameter_types`` (modinfo's
    ``parmtype``: name, type) to ``signer`` the fields are read from the module file itself and filled only
    where that was asked for: ``has_modinfo`` says so.
    """

    name: ModuleName
    path: str = ""
    builtin: bool = False
    dependencies: tuple[ModuleName, ...] = ()
    softdeps_before: tuple[ModuleName, ...] = ()
    softdeps_after: tuple[ModuleName, ...] = ()
    options: str = ""
    install_command: str = ""
    remove_command: str = ""
    blacklisted: bool = False
    has_modinfo: bool = False
    parameter_types: tuple[tuple[str, str], ...] = ()
    version: str = ""
    srcversion: str = ""
    vermagic: str = ""
    signer: str = ""
    alias_of: tuple[ModuleName, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether the running kernel has this module at all."""
        return bool(self.path) or self.builtin


class ObservedModule(NamedTuple):
    """A module as the kernel shows it: one line of /proc/modules, and what was read of its parameters.

    ``parameters`` holds name -> text for every parameter file that could be read, without the last newline.
    ``instance`` is the inode of its directory under /sys/module: another one means that it was loaded anew.
    """

    name: ModuleName
    state: ModuleState
    refcount: int = 0
    holders: tuple[ModuleName, ...] = ()
    memory_bytes: int = 0
    taint: str = ""
    parameters: Mapping[str, str] = EMPTY
    instance: int = 0
    permanent: bool = False


class Facts(NamedTuple):
    """What conditions are held against, gathered before a pass.

    ``command_line`` is split at blanks. ``existing_paths`` are those among the paths that the catalog asks
    for. ``present_devices`` are the matches of the catalog that at least one device fulfils right now.
    """

    kernel_release: str = ""
    architecture: str = ""
    virtualization: str = ""
    command_line: tuple[str, ...] = ()
    dmi: Mapping[str, str] = EMPTY
    existing_paths: frozenset[str] = frozenset()
    present_devices: frozenset[DeviceMatch] = frozenset()


# ------------------------------------------------------------------------- doing and its results


class LoadRequest(NamedTuple):
    """Insert one module file, without dependencies or commands; ``options`` as finit_module(2) takes."""

    module: ModuleName
    path: str
    options: str = ""


class UnloadRequest(NamedTuple):
    """Remove one module, never by force (delete_module(2) with O_NONBLOCK)."""

    module: ModuleName


class WriteRequest(NamedTuple):
    """Write one parameter file under /sys/module."""

    module: ModuleName
    parameter: str
    value: str


Request = LoadRequest | UnloadRequest | WriteRequest


class Report(NamedTuple):
    """What a loader child said of one request; never proof of anything, the kernel is read back afterwards.

    ``error`` is an errno, 0 for success. ``lost`` says that the child ended (or the loader did) without a
    word. Times are CLOCK_MONOTONIC microseconds; ``messages`` is what the kernel logged meanwhile, escaped.
    """

    error: int = 0
    lost: bool = False
    started_us: int = 0
    finished_us: int = 0
    messages: tuple[str, ...] = ()


# ------------------------------------------------------------------------------- what is shown


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
    taint: str = ""
    loaded_us: int = 0
    load_duration_us: int = 0
    failure_count: int = 0
    next_retry_us: int = 0
    kernel_messages: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
