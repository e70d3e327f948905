"""A scenario as a folder: files, a module tree, a kernel, and what has to come of them.

``config/DIRECTORY/NAME.toml``
    The files. Directories are ``etc``, ``run``, ``local`` and ``lib``, highest first; links stay links.
``earlier/DIRECTORY/NAME.toml``
    Files that were compiled before and have become those of ``config``.
``tree.toml``
    ``[NAME]``: needs, before, after (softdeps), options, install, builtin, permanent, fails (an errno of its
    init), ``conf_lines`` (file, line, text) and ``parameters.NAME = { kind, default, mode, clamp, length }``;
    or, for a name that no module has, alias_of or similar.
``observed.toml``
    ``[NAME]``: options, state, uses, ``users`` (kind, text, references). What was in the kernel before.
``facts.toml``
    Fields of Facts; ``devices`` is a list of tables like when.device. ``met``: modules whose device was there
    before. ``proofs.NAME``: what libkmod makes of a denial, other than that it holds: checked, open_ways,
    culprits (file, line, text), init_functions; ``unproved``: why nothing is proved. ``later_s``: how much
    later all is looked at once more.
``expect.toml``
    ``steps`` ("load NAME OPTIONS"), ``order`` (lists of names, each in this order among the steps),
    ``[conditions]`` and some ``[messages]`` after everything has been carried out, plan after plan,
    ``modprobe`` and ``modprobe_last`` (lines of the generated files, their headers left out), ``issues``
    ("FILE:LINE:COLUMN CODE", before it "warning" where it is one), ``state``, and ``enforce`` (false: nothing
    is carried out).
"""

import shutil
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kmodd.config.compile import compile_catalog
from kmodd.config.paths import ConfigPaths
from kmodd.core.draft import Evidence, Step
from kmodd.core.memory import Memory
from kmodd.core.modprobe_conf import HEADER, render
from kmodd.core.status import daemon_state
from kmodd.model import Catalog, ConfLine, DeviceMatch, Facts, Proof, User
from kmodd.names import ModuleName
from kmodd.shown import Issue, Location, ModuleState, Severity
from tests.support.kernel_parameters import KernelParameter
from tests.support.planning import NOW_US, Planned, carry_out, looked, planned
from tests.support.simulated_kernel import SimulatedKernel, SimulatedModule, module

DIRECTORIES = ("etc", "run", "local", "lib")
_EXPECTED = frozenset(
    ("steps", "order", "conditions", "messages", "modprobe", "modprobe_last", "issues", "state", "enforce")
)
_MOST_PLANS = 8


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a case, in the form of its ``expect.toml``."""

    steps: list[str]
    order: list[str]
    conditions: dict[str, str]
    messages: dict[str, str]
    modprobe: list[str]
    modprobe_last: list[str]
    issues: list[str]
    state: str
    enforce: bool


def play(folder: Path, scratch: Path) -> Found:
    """Compile the case's files as they lie; plan on its kernel and carry out until nothing is left to do."""
    catalog = _compiled(folder, scratch)
    observed, given = _read(folder / "observed.toml"), _read(folder / "facts.toml")
    kernel = _kernel(_read(folder / "tree.toml"), observed)
    memory = Memory(met=frozenset(map(ModuleName, given.pop("met", ()))))
    later_us = int(given.pop("later_s", 0) * 1e6)
    world = _World(kernel, catalog, _evidence(catalog, observed, given), _facts(given))
    steps, found = world.run(memory, later_us)
    rendered = render(found.desired)
    return Found(
        steps=[f"{s.kind} {s.module} {s.detail}".rstrip() for s in steps],
        order=[step.module for step in steps],
        conditions={name: verdict.condition.value for name, verdict in found.plan.verdicts.items()},
        messages={name: verdict.message for name, verdict in found.plan.verdicts.items()},
        modprobe=_said(rendered.text),
        modprobe_last=_said(rendered.last_text),
        issues=[_issue_text(issue, scratch) for issue in catalog.issues],
        state=_state(catalog, found),
        enforce=found.desired.enforce,
    )


def _said(text: str) -> list[str]:
    return [line for line in text.splitlines() if line != HEADER]


@dataclass(frozen=True, slots=True)
class _World:
    """A kernel, and all else that plans are made from."""

    kernel: SimulatedKernel
    catalog: Catalog
    evidence: Evidence
    facts: Facts

    def run(self, memory: Memory, later_us: int) -> tuple[list[Step], Planned]:
        """Steps of all plans until nothing is left to do, now and later, and the last plan."""
        steps, _, memory = self._come_to_rest(memory, NOW_US)
        more, found, _ = self._come_to_rest(memory, NOW_US + later_us)
        return [*steps, *more], found

    def _come_to_rest(self, memory: Memory, now_us: int) -> tuple[list[Step], Planned, Memory]:
        steps: list[Step] = []
        for _ in range(_MOST_PLANS):
            found, memory = self._look(memory, now_us)
            if not found.plan.steps or not found.desired.enforce:
                return steps, found, memory
            steps += found.plan.steps
            memory = carry_out(self.kernel, found.plan, memory, now_us)
        raise AssertionError(f"not at rest: {steps}")

    def _look(self, memory: Memory, now_us: int) -> tuple[Planned, Memory]:
        found = planned(
            self.kernel,
            self.catalog.declarations,
            facts=self.facts,
            memory=memory,
            now_us=now_us,
            evidence=self.evidence,
        )
        return found, looked(found, memory, now_us)


def _evidence(catalog: Catalog, observed: Mapping[str, Any], given: dict[str, Any]) -> Evidence:
    """What would have been looked into: denials, and who uses what."""
    told, unproved = given.pop("proofs", {}), given.pop("unproved", "")
    users = {
        ModuleName(name): tuple(User(*row) for row in table.pop("users", ()))
        for name, table in observed.items()
    }
    names = [] if unproved else [declaration.name for declaration in catalog.declarations]
    return Evidence({name: _proof(name, told.get(name, {})) for name in names}, users, unproved)


def _proof(name: ModuleName, told: Mapping[str, Any]) -> Proof:
    lists = {key: tuple(told.get(key, ())) for key in ("open_ways", "init_functions")}
    return Proof(name, told.get("checked", 1), culprits=_conf_lines(told.get("culprits", ())), **lists)


def _conf_lines(rows: Iterable[tuple[str, int, str]]) -> tuple[ConfLine, ...]:
    return tuple(ConfLine(Location(file, line), text) for file, line, text in rows)


def expected(folder: Path) -> dict[str, Any]:
    """The case's ``expect.toml``; a key that nothing reads is an error in the case."""
    document = _read(folder / "expect.toml")
    assert document.keys() <= _EXPECTED, f"unknown keys: {document.keys() - _EXPECTED}"
    return document


def _state(catalog: Catalog, found: Planned) -> str:
    return daemon_state(catalog.issues, found.statuses, settled=True, paused=False).value


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
    names = {name: table for name, table in tree.items() if not table.keys() & {"alias_of", "similar"}}
    kernel = SimulatedKernel(_module(name, table) for name, table in names.items())
    for name in tree.keys() - names.keys():
        kernel.aliases[ModuleName(name)] = tuple(map(ModuleName, tree[name].get("alias_of", ())))
        kernel.similar[ModuleName(name)] = tuple(map(ModuleName, tree[name].get("similar", ())))
    for name, table in observed.items():
        if "state" in table:
            kernel.set_state(name, ModuleState(table["state"]))
        elif ModuleName(name) not in kernel.present():
            kernel.insert(name, table.get("options", ""))
        kernel.use(name, table.get("uses", 0))
    return kernel


def _module(name: str, table: Mapping[str, Any]) -> SimulatedModule:
    rest = dict(table)
    conf_lines = _conf_lines(rest.pop("conf_lines", ()))
    parameters = {key: _parameter(given) for key, given in rest.pop("parameters", {}).items()}
    made = module(name, *rest.pop("needs", ()), **rest)
    return replace(made, parameters=parameters, info=made.info._replace(conf_lines=conf_lines))


def _parameter(given: Mapping[str, Any]) -> KernelParameter:
    clamp = {"clamp": tuple(given["clamp"])} if "clamp" in given else {}
    return KernelParameter(**{**given, **clamp})


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
