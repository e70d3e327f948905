"""org.kmodd1.Manager and org.kmodd1.Module as tables (org.kmodd1(5)), and how the model goes over the wire.

A new member is one row here, one row in auth.ACTIONS and one method of Manager.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Protocol

from kmodd.bus import listing, names
from kmodd.bus.listing import Listing
from kmodd.bus.message import Variant
from kmodd.bus.plain import plain_values
from kmodd.bus.table import Argument, Encoded, Interface, Method, Property, Signal
from kmodd.model import Security, Symbols
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName, module_name, printable
from kmodd.shown import ActionRow, DaemonState, Drift, Initramfs, Issue, ModuleStatus, OutcomeRow, Source


class Manager(Protocol):
    """What the daemon shows and does.

    A method may be cancelled when its connection ends: what must not stop halfway is shielded inside.
    """

    @property
    def version(self) -> str:
        """Version of kmodd."""

    @property
    def generation(self) -> int:
        """Number of the compiled files in force."""

    @property
    def state(self) -> DaemonState:
        """State of the daemon."""

    @property
    def converged(self) -> bool:
        """Whether the kernel stands as desired."""

    @property
    def paused(self) -> bool:
        """Whether enforcement is stopped."""

    @property
    def kernel_release(self) -> str:
        """Release of the running kernel."""

    @property
    def config_issues(self) -> tuple[Issue, ...]:
        """What is wrong with the files."""

    async def reload(self) -> int:
        """Compile the files again and return the new generation; raises INVALID_CONFIG with every message."""

    async def reconcile(self) -> tuple[OutcomeRow, ...]:
        """One whole pass."""

    async def plan(self) -> tuple[ActionRow, ...]:
        """What reconcile() would do now."""

    async def release(self, name: ModuleName) -> None:
        """End a module's quarantine; raises NOT_FOUND, BUSY."""

    def modules(self) -> Mapping[ModuleName, ModuleStatus]:
        """Every module that has an object: managed, pulled in, or asked for by get_module()."""

    async def get_module(self, name: ModuleName) -> ModuleStatus:
        """Status of a managed or present module, which is among modules() from then on; raises NOT_FOUND."""

    @property
    def enforcing(self) -> bool:
        """Whether settings and kernel command line let kmodd change anything."""

    @property
    def initramfs(self) -> Initramfs:
        """How the copies of the generated files in the initramfs stand."""

    @property
    def security(self) -> Security:
        """What the kernel permits at all."""

    async def set_override(self, name: ModuleName, values: Mapping[str, object]) -> None:
        """Want this of a module until the next boot; raises INVALID_ARGUMENT, INVALID_CONFIG."""

    async def clear_override(self, name: ModuleName) -> None:
        """Want it no more; raises NOT_FOUND."""

    async def retry(self, name: ModuleName) -> None:
        """Try now what failed with a module or was put off; raises NOT_FOUND."""

    async def pause(self, *, paused: bool) -> None:
        """Stop enforcement, or go on with it."""

    async def create_checkpoint(self, timeout_s: int) -> str:
        """Take everything back after a while, unless it is committed; raises INVALID_ARGUMENT, BUSY."""

    async def commit(self, checkpoint: str) -> None:
        """Keep what was changed; raises NOT_FOUND."""

    async def roll_back(self, checkpoint: str) -> None:
        """Take everything back now; raises NOT_FOUND, IN_USE."""

    async def symbols(self, name: ModuleName) -> Symbols:
        """Symbols of a module's file; raises NOT_FOUND."""

    def explain(self, name: ModuleName) -> tuple[Source, ...]:
        """Provenance of a managed module; raises NOT_FOUND."""


class Bound(NamedTuple):
    """Target of the manager's table; what a call changed is published before it is answered."""

    manager: Manager
    publish: Callable[[], None]
    listing: Listing


# ----------------------------------------------------------------------------------- wire values


def outcome_rows(rows: Iterable[OutcomeRow]) -> list[tuple[str, str, str]]:
    """``a(sss)``: module, action, outcome."""
    return [(row.module, row.action, row.outcome) for row in rows]


def _action_rows(rows: Iterable[ActionRow]) -> list[tuple[str, str, str, str]]:
    return [(row.module, row.action, printable(row.detail), printable(row.reason)) for row in rows]


def _source_rows(sources: Iterable[Source]) -> list[tuple[str, str, int, str]]:
    return [
        (printable(each.key), printable(each.value), each.location.line, printable(each.location.file))
        for each in sources
    ]


def _issue_rows(issues: Iterable[Issue]) -> list[tuple[str, int, int, str]]:
    return [
        (
            printable(issue.location.file),
            issue.location.line,
            issue.location.column,
            printable(f"{issue.message} [{issue.hint}]" if issue.hint else issue.message),
        )
        for issue in issues
    ]


def _texts(values: Mapping[str, str]) -> dict[str, str]:
    return {printable(name): printable(value) for name, value in values.items()}


def _drift_rows(drift: Iterable[Drift]) -> list[tuple[str, str, str]]:
    return [(printable(each.parameter), printable(each.wanted), printable(each.found)) for each in drift]


def _printable_all(texts: Iterable[str]) -> list[str]:
    return [printable(text) for text in texts]


# -------------------------------------------------------------------------------------- handlers


async def _reload(bound: Bound) -> int:
    generation = await bound.manager.reload()
    bound.publish()
    return generation


async def _reconcile(bound: Bound) -> list[tuple[str, str, str]]:
    rows = await bound.manager.reconcile()
    bound.publish()
    return outcome_rows(rows)


async def _release(bound: Bound, name: str) -> None:
    await bound.manager.release(module_name(name))
    bound.publish()


async def _plan(bound: Bound) -> list[tuple[str, str, str, str]]:
    return _action_rows(await bound.manager.plan())


def _list_modules(bound: Bound) -> Encoded:
    return bound.listing.rows(bound.manager.modules().values())


async def _get_module(bound: Bound, name: str) -> str:
    status = await bound.manager.get_module(module_name(name))
    bound.publish()
    return names.module_path(status.name)


def _explain(bound: Bound, name: str) -> list[tuple[str, str, int, str]]:
    return _source_rows(bound.manager.explain(module_name(name)))


async def _set_override(bound: Bound, name: str, values: Mapping[str, Variant]) -> None:
    await bound.manager.set_override(module_name(name), plain_values(values))
    bound.publish()


async def _clear_override(bound: Bound, name: str) -> None:
    await bound.manager.clear_override(module_name(name))
    bound.publish()


async def _retry(bound: Bound, name: str) -> None:
    await bound.manager.retry(module_name(name))
    bound.publish()


async def _pause(bound: Bound) -> None:
    await bound.manager.pause(paused=True)
    bound.publish()


async def _resume(bound: Bound) -> None:
    await bound.manager.pause(paused=False)
    bound.publish()


async def _create_checkpoint(bound: Bound, timeout_s: int) -> str:
    checkpoint = await bound.manager.create_checkpoint(timeout_s)
    bound.publish()
    return checkpoint


async def _commit(bound: Bound, checkpoint: str) -> None:
    await bound.manager.commit(checkpoint)
    bound.publish()


async def _roll_back(bound: Bound, checkpoint: str) -> None:
    await bound.manager.roll_back(checkpoint)
    bound.publish()


async def _symbols(bound: Bound, name: str) -> tuple[list[tuple[str, str]], list[str]]:
    found = await bound.manager.symbols(module_name(name))
    needed = [(printable(symbol), exporter) for symbol, exporter in found.needed]
    return needed, [printable(symbol) for symbol in found.exported]


# ---------------------------------------------------------------------------------------- tables

_NAME = Argument("name", "s")
_CHECKPOINT = Argument("checkpoint", "s")
_OUTCOMES = Argument("outcomes", "a(sss)")

MANAGER = Interface(
    names.MANAGER_INTERFACE,
    methods=(
        Method("Reload", (), (Argument("generation", "u"),), _reload),
        Method("Reconcile", (), (_OUTCOMES,), _reconcile),
        Method("Release", (_NAME,), (), _release),
        Method("Plan", (), (Argument("actions", "a(ssss)"),), _plan),
        Method("ListModules", (), (Argument("modules", listing.SIGNATURE),), _list_modules),
        Method("GetModule", (_NAME,), (Argument("object", "o"),), _get_module),
        Method("Explain", (_NAME,), (Argument("sources", "a(ssus)"),), _explain),
        Method("Symbols", (_NAME,), (Argument("needed", "a(ss)"), Argument("exported", "as")), _symbols),
        Method("SetOverride", (_NAME, Argument("values", "a{sv}")), (), _set_override),
        Method("ClearOverride", (_NAME,), (), _clear_override),
        Method("Retry", (_NAME,), (), _retry),
        Method("Pause", (), (), _pause),
        Method("Resume", (), (), _resume),
        Method("CreateCheckpoint", (Argument("timeout_s", "u"),), (_CHECKPOINT,), _create_checkpoint),
        Method("Commit", (_CHECKPOINT,), (), _commit),
        Method("Rollback", (_CHECKPOINT,), (), _roll_back),
    ),
    properties=(
        Property("Version", "s", lambda bound: bound.manager.version, constant=True),
        Property("Generation", "u", lambda bound: bound.manager.generation),
        Property("State", "s", lambda bound: bound.manager.state),
        Property("Converged", "b", lambda bound: bound.manager.converged),
        Property("Paused", "b", lambda bound: bound.manager.paused),
        Property("KernelRelease", "s", lambda bound: printable(bound.manager.kernel_release), constant=True),
        Property("Enforcing", "b", lambda bound: bound.manager.enforcing),
        Property("Lockdown", "s", lambda bound: bound.manager.security.lockdown),
        Property("SignaturesEnforced", "b", lambda bound: bound.manager.security.signatures_enforced),
        Property("ModulesDisabled", "b", lambda bound: bound.manager.security.modules_disabled),
        Property("Initramfs", "s", lambda bound: bound.manager.initramfs),
        Property("ConfigIssues", "a(suus)", lambda bound: _issue_rows(bound.manager.config_issues)),
    ),
    signals=(Signal("ReconcileFinished", (_OUTCOMES,)),),
)


def _shown(
    name: str,
    signature: str,
    attribute: str,
    say: Callable[[Any], Any] | None = None,
    *,
    constant: bool = False,
) -> Property:
    """What a status has under ``attribute``, as it is or as ``say`` puts it."""
    if say is None:
        return Property(name, signature, attrgetter(attribute), constant, attribute)
    return Property(name, signature, lambda status: say(getattr(status, attribute)), constant, attribute)


MODULE = Interface(
    names.MODULE_INTERFACE,
    properties=(
        _shown("Name", "s", "name", constant=True),
        _shown("Desired", "s", "desired"),
        _shown("Reason", "s", "reason", printable),
        _shown("State", "s", "state"),
        _shown("Condition", "s", "condition"),
        _shown("Message", "s", "message", printable),
        _shown("Parameters", "a{ss}", "parameters", _texts),
        _shown("DesiredParameters", "a{ss}", "desired_parameters", _texts),
        _shown("Drift", "a(sss)", "drift", _drift_rows),
        _shown("RefCount", "i", "refcount"),
        _shown("Holders", "as", "holders"),
        _shown("Dependencies", "as", "dependencies"),
        _shown("Blockers", "as", "blockers", _printable_all),
        _shown("MemorySize", "t", "memory_bytes"),
        _shown("Path", "s", "path", printable),
        _shown("ModuleVersion", "s", "version", printable),
        _shown("SrcVersion", "s", "srcversion", printable),
        _shown("Signer", "s", "signer", printable),
        _shown("VerMagic", "s", "vermagic", printable),
        _shown("VerMagicMatches", "b", "vermagic_matches"),
        _shown("Taint", "s", "taint", printable),
        _shown("LoadedUSec", "t", "loaded_us"),
        _shown("LoadDurationUSec", "t", "load_duration_us"),
        _shown("LoadStages", "a(st)", "stages", list),
        _shown("FailureCount", "u", "failure_count"),
        _shown("NextRetryUSec", "t", "next_retry_us"),
        _shown("KernelMessages", "as", "kernel_messages", _printable_all),
        _shown("Sources", "a(ssus)", "sources", _source_rows),
    ),
)
