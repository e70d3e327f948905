"""The data that everything else passes around: frozen, without behaviour, without I/O.

Declared (what files say) -> desired (after facts) and observed (what the kernel says) -> plan -> outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import EMPTY, Issue, Location, ModuleState, Source, Stage

# ---------------------------------------------------------------------------------------- declared


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
    """One module as all files together declare it (kmodd.d(5)), before conditions are looked at.

    ``sources`` are the values in force, ``replaced`` those that a later file took the place of, oldest first.
    """

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
    replaced: tuple[Source, ...] = ()


class Settings(NamedTuple):
    """The daemon's own settings (kmodd.toml(5)); times in seconds."""

    enforce: bool = True
    resync_interval_s: float = 600.0
    event_quiet_time_s: float = 0.1
    parallel_loads: int = 0
    """0: as many as the daemon thinks right (survey.default_parallel)."""
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


class ConfLine(NamedTuple):
    """One line of modprobe.d: where it stands, and its words, joined where it was continued."""

    location: Location
    text: str


class ModuleInfo(NamedTuple):
    """What the module tree and modprobe.d know of a module (libkmod), for one kernel release.

    What modprobe.d says is what others say: the file that kmodd generates is left out. ``dependencies`` are
    all that must be in first, in order of loading. ``alias_of`` is what the name resolves to if no module has
    it, ``similar`` are names of modules that may have been meant then. ``conf_lines`` are the lines that
    ``options``, ``install_command``, ``blacklisted`` and softdeps of modprobe.d come from. From
    ``parameter_types`` (modinfo's ``parmtype``: name, type; "" for a parameter that has only a ``parm``) to
    ``aliases`` the fields are read from the module file itself and filled only where that was asked for:
    ``has_modinfo`` says so.
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
    aliases: tuple[str, ...] = ()
    alias_of: tuple[ModuleName, ...] = ()
    similar: tuple[ModuleName, ...] = ()
    conf_lines: tuple[ConfLine, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether the running kernel has this module at all."""
        return bool(self.path) or self.builtin


class ObservedModule(NamedTuple):
    """A module as the kernel shows it: one line of /proc/modules, and what was read of its parameters.

    ``parameters`` holds name -> text for every parameter file that could be read, without the last newline;
    ``writable`` names those whose file has a write bit, readable or not.
    ``instance`` is the inode of its directory under /sys/module: another one means that it was loaded anew.
    """

    name: ModuleName
    state: ModuleState
    refcount: int = 0
    holders: tuple[ModuleName, ...] = ()
    memory_bytes: int = 0
    taint: str = ""
    parameters: Mapping[str, str] = EMPTY
    writable: frozenset[str] = frozenset()
    instance: int = 0
    permanent: bool = False


class User(NamedTuple):
    """Something that uses a module and is no module: ``text`` is for a person.

    ``kind``: mount, swap, open (a process has a device node open), interface (a network interface that is
    up), device (bound to one of its drivers). ``references``: how much of the refcount it accounts for.
    """

    kind: str
    text: str
    references: int = 0


class Proof(NamedTuple):
    """Whether a denied module is kept out, found with libkmod's own way of loading (kernel/denial.py).

    ``open_ways`` are names and aliases by which it would still be inserted, ``culprits`` the lines of
    modprobe.d that open them. ``checked`` counts the names that were tried. ``init_functions`` are those of a
    builtin, for ``initcall_blacklist=``.
    """

    module: ModuleName
    checked: int = 0
    open_ways: tuple[str, ...] = ()
    culprits: tuple[ConfLine, ...] = ()
    init_functions: tuple[str, ...] = ()


class Restraint(NamedTuple):
    """What the generated file of modprobe.d comes to, read back with libkmod.

    ``options``: what the file alone gives for each module that was asked for.
    """

    proofs: Mapping[ModuleName, Proof] = EMPTY
    options: Mapping[ModuleName, str] = EMPTY


class Symbols(NamedTuple):
    """Symbols of one module file: (name, module that exports it; "" the kernel itself), and its own."""

    needed: tuple[tuple[str, str], ...] = ()
    exported: tuple[str, ...] = ()


class Security(NamedTuple):
    """What the kernel permits at all. ``lockdown``: none, integrity, confidentiality; "" without it."""

    lockdown: str = ""
    signatures_enforced: bool = False
    modules_disabled: bool = False


class AskedFacts(NamedTuple):
    """What conditions ask for, devices aside: ``paths`` whose existence decides something, and what else."""

    paths: frozenset[str] = frozenset()
    dmi: bool = False
    virtualization: bool = False


class Facts(NamedTuple):
    """What conditions are held against, gathered before a pass.

    ``command_line`` is split at blanks. ``existing_paths`` are those among the paths that the catalog asks
    for (``when`` and ``ready``). ``present_devices`` are the matches of the catalog that at least one device
    fulfils right now.
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
    """Write parameter files of one module under /sys/module, one after the other, whatever each comes to."""

    module: ModuleName
    parameters: tuple[Parameter, ...]


Request = LoadRequest | UnloadRequest | WriteRequest


class Report(NamedTuple):
    """What a loader child said of one request; never proof of anything, the kernel is read back afterwards.

    ``error`` is an errno, the first one of several writes, 0 for success. ``lost`` says that the child ended
    (or the loader did) without a word, ``died`` that it was the child, which was killed then. Times are
    CLOCK_MONOTONIC microseconds; ``stages`` are the parts of a load, in order; ``shown`` is what parameters
    read as at once after they were set, before others had a chance; ``messages`` is what the kernel logged
    meanwhile, escaped. ``unwritten`` is the errno of writing the intent down; ``begun`` is false where that
    kept the change from being made.
    """

    error: int = 0
    lost: bool = False
    died: bool = False
    started_us: int = 0
    finished_us: int = 0
    stages: tuple[Stage, ...] = ()
    messages: tuple[str, ...] = ()
    shown: Mapping[str, str] = EMPTY
    unwritten: int = 0
    begun: bool = True
