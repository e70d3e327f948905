"""``kmoddctl plan --offline``: the files, a module tree, and an empty kernel or the running one.

Who comes here compiles files, so pydantic is known.
"""

from __future__ import annotations

import os
import sys

from kmodd.cli.offline.findings import issue_line
from kmodd.cli.offline.target import Target, infos_of, needed_kernel, target_of
from kmodd.cli.terminal.output import Options, Output
from kmodd.cli.terminal.render import Style
from kmodd.cli.terminal.rows import NOTHING, diff
from kmodd.config.compile import compile_files
from kmodd.config.last_good import LastGood
from kmodd.config.layers import scan
from kmodd.core.against_kernel import kernel_issues
from kmodd.core.conditions import asked_devices, asked_facts
from kmodd.core.draft import ObservedModules, Plan
from kmodd.core.memory import Memory
from kmodd.core.order import order
from kmodd.core.plan import make_plan
from kmodd.core.resolve import DesiredState, Infos, resolve
from kmodd.errors import ErrorKind
from kmodd.kernel.facts import gather
from kmodd.kernel.reader import SystemReader
from kmodd.model import Catalog, DeviceMatch, Facts, ObservedModule
from kmodd.named_tuple import NamedTuple
from kmodd.names import ModuleName
from kmodd.shown import Issue, ModuleState, Severity


class Offline(NamedTuple):
    """What the files come to; ``issues`` are those of the files, then those that the kernel has with them."""

    catalog: Catalog
    desired: DesiredState
    issues: tuple[Issue, ...]


def plan_offline(options: Options, output: Output) -> int:
    """What a first pass would do; issues go to standard error. Raises NO_MODULE_TREE, NO_LIBKMOD."""
    target = needed_kernel(target_of(options))
    offline = compiled(target)
    actions = tuple(step.row for step in plan(target, offline).steps)
    output.show(actions, lambda style: diff(actions, style) if actions else (NOTHING,))
    sys.stderr.writelines(f"{issue_line(issue, Style())}\n" for issue in offline.issues)
    wrong = any(issue.severity is Severity.ERROR for issue in offline.issues)
    return ErrorKind.INVALID_CONFIG.exit_status if wrong else 0


def compiled(target: Target) -> Offline:
    """Compile the target's files and hold them against its kernel. Raises NO_LIBKMOD, NO_MODULE_TREE."""
    catalog = compile_files(scan(target.config), LastGood()).catalog
    target = target._replace(modprobe_file=catalog.settings.modprobe_file)
    facts = _facts(target, catalog)
    desired = _resolved(target, catalog, facts)
    found = kernel_issues(catalog.declarations, desired.infos, facts.command_line)
    return Offline(catalog, desired, (*catalog.issues, *found))


def plan(target: Target, offline: Offline) -> Plan:
    """What a first pass would do: of the running kernel what it shows, of another nothing is loaded yet."""
    observed = _observed(target, offline.desired) if target.is_running else _builtins(offline.desired)
    return make_plan(offline.desired, order(offline.desired), observed, Memory(), 0)


def _resolved(target: Target, catalog: Catalog, facts: Facts) -> DesiredState:
    """Ask the module tree for what is new until everything that is pulled in is known."""
    with_parameters = {d.name for d in catalog.declarations if d.parameters}
    infos: Infos = {}
    while (desired := resolve(catalog, facts, infos)).unknown:
        infos = {**infos, **infos_of(target, sorted(desired.unknown), with_parameters)}
    return desired


def _facts(target: Target, catalog: Catalog) -> Facts:
    """As the daemon gathers them; of a kernel that does not run, what its files tell: no device is there."""
    asked = asked_facts(catalog.declarations)
    if target.is_running:
        return gather(asked, _present(catalog), target.roots)
    return Facts(
        kernel_release=target.release,
        architecture=os.uname().machine,
        command_line=target.command_line(),
        existing_paths=frozenset(path for path in asked.paths if os.path.exists(target.below(path))),
    )


def _present(catalog: Catalog) -> frozenset[DeviceMatch]:
    """Matches that a device fulfils now. Raises FAILED without libudev."""
    asked = {match for declaration in catalog.declarations for match in asked_devices(declaration)}
    if not asked:
        return frozenset()
    # Not needed by files that ask for no devices.
    from kmodd.events.devices import open_udev, scan  # noqa: PLC0415

    return frozenset(match for match, paths in scan(asked, open_udev()).items() if paths)


def _observed(target: Target, desired: DesiredState) -> ObservedModules:
    """What the running kernel shows, with the parameters of what declares some."""
    reader = SystemReader(target.roots)
    observed = {**_builtins(desired), **reader.modules()}
    for name in observed.keys() & desired.modules.keys():
        seen = observed[name]._replace(instance=reader.instance(name))
        if desired.modules[name].parameters:
            seen = seen._replace(parameters=reader.parameters(name), writable=reader.writable(name))
        observed[name] = seen
    return observed


def _builtins(desired: DesiredState) -> dict[ModuleName, ObservedModule]:
    return {
        name: ObservedModule(name, ModuleState.BUILTIN)
        for name in desired.modules
        if desired.infos[name].builtin
    }
