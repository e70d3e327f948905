"""How planning and compiling grow: much of it beside a hundred times a hundredth; no kernel is needed."""

import gc
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.measurement import seconds_in_turns, timed
from bench.series import Comparison, Finding
from kmodd.config.compile import compile_catalog
from kmodd.config.paths import ConfigPaths
from kmodd.core.memory import Memory
from kmodd.core.order import order
from kmodd.core.plan import make_plan
from kmodd.core.resolve import resolve
from kmodd.core.status import module_statuses
from kmodd.daemon import collector
from kmodd.model import Catalog, Declaration, Facts, ModuleInfo, ObservedModule
from kmodd.names import ModuleName
from kmodd.shown import ModuleState
from tests.support.config_tree import config_paths

FEW, TIMES = 100, 100
MANY = FEW * TIMES
FAMILY = 5
"""So many modules need each other, each all before it; every other family is in the kernel."""

_TARGET = 1.1
_NOW_US = 1_000_000_000


class World(NamedTuple):
    """All that a plan is made from."""

    catalog: Catalog
    infos: dict[ModuleName, ModuleInfo]
    observed: dict[ModuleName, ObservedModule]


def measure(rounds: int) -> Finding:
    """Plans, files and modules in one file; each 100 times as many as in its peer."""
    return Finding(
        (
            _plans(rounds),
            _compiled(rounds, "files", a_file_each),
            _compiled(rounds, "modules in a file", one_file),
        )
    )


def world(count: int) -> World:
    """``count`` modules in families."""
    names = [ModuleName(f"module_{number}") for number in range(count)]
    infos, observed = dict[ModuleName, ModuleInfo](), dict[ModuleName, ObservedModule]()
    for number, name in enumerate(names):
        family = number - number % FAMILY
        infos[name] = ModuleInfo(name, f"/tree/{name}.ko", dependencies=tuple(names[family:number]))
        if family % (2 * FAMILY):
            observed[name] = ObservedModule(name, ModuleState.LOADED, instance=number + 1)
    return World(Catalog("key", tuple(map(Declaration, names))), infos, observed)


def planned(given: World) -> int:
    """From catalog to plan and statuses, as a pass does; the number of steps."""
    desired = resolve(given.catalog, Facts(), given.infos)
    plan = make_plan(desired, order(desired), given.observed, Memory(), _NOW_US)
    module_statuses(desired, given.observed, plan, Memory(), 0)
    return len(plan.steps)


def _plans(rounds: int) -> Comparison:
    with collected_as_in_the_daemon():
        few, many = world(FEW), world(MANY)
        parts = {
            f"{MANY} modules": timed(lambda: planned(many)),
            f"{TIMES} times {FEW} modules": timed(lambda: [planned(few) for _ in range(TIMES)]),
        }
        much, little = seconds_in_turns(rounds, parts)
    return Comparison("plan, growth", much, little, _TARGET)


def _compiled(rounds: int, what: str, write: Callable[[Path, int], None]) -> Comparison:
    with tree(FEW, write) as few, tree(MANY, write) as many, _nothing_collected():
        parts = {
            f"{MANY} {what}": timed(lambda: compile_catalog(many)),
            f"{TIMES} times {FEW} {what}": timed(lambda: [compile_catalog(few) for _ in range(TIMES)]),
        }
        much, little = seconds_in_turns(rounds, parts)
    return Comparison(f"compiling, growth by {what}", much, little, _TARGET)


@contextmanager
def tree(count: int, write: Callable[[Path, int], None]) -> Iterator[ConfigPaths]:
    """Where files that declare ``count`` modules lie, for the length of a with block."""
    with tempfile.TemporaryDirectory(prefix="kmodd-bench-") as name:
        paths = config_paths(Path(name))
        write(paths.directories[0], count)
        yield paths


def a_file_each(directory: Path, count: int) -> None:
    """So many files."""
    for number in range(count):
        _write(directory / f"{number:05}.toml", f"[module.module_{number}]\n")


def one_file(directory: Path, count: int) -> None:
    """One file with so many modules."""
    _write(directory / "50-all.toml", "".join(f"[module.module_{number}]\n" for number in range(count)))


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


@contextmanager
def collected_as_in_the_daemon() -> Iterator[None]:
    """So that no plan has the collector look through what the bench imports."""
    before = gc.get_threshold()
    collector.settle()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """As in the compiler child (config/compile.py)."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
