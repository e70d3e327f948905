"""A scenario as a folder: files, a module tree, a kernel, and what has to come of them.

``config/DIRECTORY/NAME.toml``
    The files. Directories are ``etc``, ``run``, ``local`` and ``lib``, highest first; links stay links.
``earlier/DIRECTORY/NAME.toml``
    Files that were compiled before and have become those of ``config``.
``tree.toml``
    ``[NAME]``: needs, before, after (softdeps), options, install, builtin, permanent or alias_of, and
    ``parameters.NAME = { kind, default, mode, length }``.
``observed.toml``
    ``[NAME]``: options, state, uses. What was in the kernel before.
``facts.toml``
    Fields of Facts; ``devices`` is a list of tables like when.device.
``expect.toml``
    ``steps`` ("load NAME OPTIONS"), ``order`` (lists of names, each in this order among the steps),
    ``[conditions]`` and some ``[messages]`` after everything has been carried out, ``issues``
    ("FILE:LINE:COLUMN CODE", before it "warning" where it is one), and ``state``.
"""

import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kmodd.config.compile import compile_catalog
from kmodd.config.paths import ConfigPaths
from kmodd.core.memory import Memory
from kmodd.core.status import daemon_state
from kmodd.model import Catalog, DeviceMatch, Facts
from kmodd.names import ModuleName
from kmodd.shown import Issue, ModuleState, Severity
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import Planned, carry_out, planned
from tests.support.simulated_kernel import SimulatedKernel, SimulatedModule, module

DIRECTORIES = ("etc", "run", "local", "lib")
_EXPECTED = frozenset(("steps", "order", "conditions", "messages", "issues", "state"))


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a case, in the form of its ``expect.toml``."""

    steps: list[str]
    order: list[str]
    conditions: dict[str, str]
    messages: dict[str, str]
    issues: list[str]
    state: str


def play(folder: Path, scratch: Path) -> Found:
    """Compile the case's files as they lie, plan on its kernel, carry the plan out, plan again."""
    catalog = _compiled(folder, scratch)
    kernel = _kernel(_read(folder / "tree.toml"), _read(folder / "observed.toml"))
    facts = _facts(_read(folder / "facts.toml"))
    first = planned(kernel, catalog.declarations, facts=facts)
    memory = carry_out(kernel, first.plan, Memory())
    second = planned(kernel, catalog.declarations, facts=facts, memory=memory)
    assert not second.plan.steps, "a second pass has nothing to do"
    return Found(
        steps=[f"{s.kind} {s.module} {s.detail}".rstrip() for s in first.plan.steps],
        order=[step.module for step in first.plan.steps],
        conditions={name: verdict.condition.value for name, verdict in second.plan.verdicts.items()},
        messages={name: verdict.message for name, verdict in second.plan.verdicts.items()},
        issues=[_issue_text(issue, scratch) for issue in catalog.issues],
        state=_state(catalog, second),
    )


def expected(folder: Path) -> dict[str, Any]:
    """The case's ``expect.toml``; a key that nothing reads is an error in the case."""
    document = _read(folder / "expect.toml")
    assert document.keys() <= _EXPECTED, f"unknown keys: {document.keys() - _EXPECTED}"
    return document


def _state(catalog: Catalog, found: Planned) -> str:
    return daemon_state(catalog, found.statuses, settled=True, paused=False).value


def _compiled(folder: Path, scratch: Path) -> Catalog:
    """The catalog of real files in real directories, in this process."""
    if (folder / "earlier").is_dir():
        _compile(folder / "earlier", scratch)
    return _compile(folder / "config", scratch)


def _compile(config: Path, scratch: Path) -> Catalog:
    for name in DIRECTORIES:
        shutil.rmtree(scratch / name, ignore_errors=True)
        if (config / name).is_dir():
            shutil.copytree(config / name, scratch / name, symlinks=True)
    for path in scratch.rglob("*.toml"):
        if not path.is_symlink():
            path.chmod(0o644)
    directories = tuple(scratch / name for name in DIRECTORIES)
    settings = scratch / "kmodd.toml"
    return compile_catalog(ConfigPaths(directories, settings, scratch / "runtime", scratch / "state"))


def _issue_text(issue: Issue, scratch: Path) -> str:
    prefix = "warning " if issue.severity is Severity.WARNING else ""
    return f"{prefix}{issue.location} {issue.code}".replace(f"{scratch}/", "")


def _kernel(tree: Mapping[str, Any], observed: Mapping[str, Any]) -> SimulatedKernel:
    kernel = SimulatedKernel(_module(name, table) for name, table in tree.items() if "alias_of" not in table)
    for name, table in tree.items():
        if "alias_of" in table:
            kernel.aliases[ModuleName(name)] = tuple(map(ModuleName, table["alias_of"]))
    for name, table in observed.items():
        if "state" in table:
            kernel.set_state(name, ModuleState(table["state"]))
        else:
            kernel.insert(name, table.get("options", ""))
        kernel.use(name, table.get("uses", 0))
    return kernel


def _module(name: str, table: Mapping[str, Any]) -> SimulatedModule:
    rest = dict(table)
    parameters = {key: KernelParameter(**given) for key, given in rest.pop("parameters", {}).items()}
    return replace(module(name, *rest.pop("needs", ()), **rest), parameters=parameters)


def _facts(table: dict[str, Any]) -> Facts:
    devices = table.pop("devices", [])
    paths = frozenset(table.pop("existing_paths", ()))
    command_line = tuple(table.pop("command_line", ()))
    present = frozenset(_match(device) for device in devices)
    facts = Facts(existing_paths=paths, command_line=command_line, present_devices=present)
    return facts._replace(**table)


def _match(table: Mapping[str, Any]) -> DeviceMatch:
    rest = dict(table)
    properties, attributes = (tuple(rest.pop(key, {}).items()) for key in ("properties", "attributes"))
    return DeviceMatch(**rest, properties=properties, attributes=attributes)


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text()) if path.exists() else {}
