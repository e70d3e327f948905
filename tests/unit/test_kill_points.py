"""kmodd killed between any two of its calls: the next one brings everything to where it was to be."""

import shutil
import tempfile
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from kmodd.daemon.intent_files import GuardFiles
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.support.kill_points import KillPoints
from tests.support.kill_scenarios import SCENARIOS, TREE
from tests.support.killing import Restarted, Scenario, Seen, World

LEAST_POINTS = 500
BOOTS_EACH = 5
"""Every such point is also tried with a machine that is booted instead."""
QUARANTINED = Condition.QUARANTINED


class Reference(NamedTuple):
    """A scenario that nobody disturbs: its points, how things stand after each step, or a boot then."""

    points: int
    ends: list[Seen]
    boots: list[Seen]


def played(path: Path, scenario: Scenario, points: KillPoints) -> World:
    """A machine of its own on which the scenario ran until the kill."""
    path.mkdir()
    world = World(path, scenario, TREE)
    world.play(points)
    return world


@cache
def reference(name: str) -> Reference:
    """Played once."""
    scenario = SCENARIOS[name]
    with tempfile.TemporaryDirectory() as directory:
        points = KillPoints()
        ends = played(Path(directory) / "whole", scenario, points).ends
        steps = range(len(scenario.steps))
        boots = [booted_after(Path(directory) / f"boot-{step}", scenario, step) for step in steps]
    return Reference(len(points.seen), ends, boots)


def booted_after(path: Path, scenario: Scenario, step: int) -> Seen:
    """A machine on which nobody was ever killed, with the files of a step and those before it."""
    path.mkdir()
    world = World(path, scenario._replace(prepare=lambda _: None), TREE)
    for world.done in range(step):
        world.edit()
        world.start_again()
    world.done = step
    world.edit()
    world.boot()
    return world.start_again().seen


@pytest.mark.shows("P8")
@pytest.mark.parametrize("name", SCENARIOS)
def test_whoever_is_started_after_a_kill_converges(tmp_path: Path, name: str) -> None:
    for at in range(1, reference(name).points + 1):
        points = KillPoints(at)
        path, copy = tmp_path / "killed", tmp_path / "booted"
        world = played(path, SCENARIOS[name], points)
        begun = bool(world.kernel.open) or points.hit_child
        also_boots = at % BOOTS_EACH == 0
        if also_boots:
            shutil.copytree(path, copy)
        goes_on(world, points)
        shutil.rmtree(path)
        if also_boots:
            boots(world.elsewhere(copy), points)
            shutil.rmtree(copy)
        if begun:
            points = KillPoints(at, with_loader=True)
            goes_on(played(path, SCENARIOS[name], points), points, late=True)
            shutil.rmtree(path)


def test_there_are_many_points() -> None:
    counts = {name: reference(name).points for name in SCENARIOS}
    print(f"{sum(counts.values())} points: {counts}")
    assert sum(counts.values()) >= LEAST_POINTS


def goes_on(world: World, points: KillPoints, *, late: bool = False) -> None:
    """The next daemon of the same boot."""
    scenario = world.scenario
    where = f"killed in step {world.done} before {points.seen[-1]}"
    strangers = {name: world.kernel.instance(ModuleName(name)) for name in scenario.foreign}
    again = world.start_again(world.finish(late=late))
    may_be = [reference(scenario.name).ends[step] for step in world.may_be]
    assert told(again, scenario) in may_be, where
    assert {name: world.kernel.instance(ModuleName(name)) for name in scenario.foreign} == strangers, where
    assert set(again.accused) <= set(scenario.accused), where
    assert_believed(again, where)
    assert GuardFiles(world.path / "state").open_intents() == [], where


def boots(world: World, points: KillPoints) -> None:
    """The machine is booted instead."""
    where = f"booted after a kill in step {world.done} before {points.seen[-1]}"
    held = world.held()
    world.boot()
    again = world.start_again()
    expected = reference(world.scenario.name).boots[world.done]
    assert without(again.seen, held) == without(expected, held), where
    assert {n for n, condition in again.seen.conditions.items() if condition is QUARANTINED} == held, where
    assert_believed(again, where)
    assert not [i for i in GuardFiles(world.path / "state").open_intents() if i.boot_id == "boot-2"], where


def assert_believed(again: Restarted, where: str) -> None:
    """No file was half of one."""
    assert not [line for line in again.log if "damaged" in line or "lost" in line], where


def told(again: Restarted, scenario: Scenario) -> Seen:
    """What is seen, where a load that nobody saw the end of counts as any other."""
    conditions = {
        name: Condition.IN_SYNC if name == scenario.blind and each is Condition.UNVERIFIABLE else each
        for name, each in again.seen.conditions.items()
    }
    return again.seen._replace(conditions=conditions)


def without(seen: Seen, names: Collection[str]) -> Seen:
    """But for these modules."""
    kernel = {name: values for name, values in seen.kernel.items() if name not in names}
    return Seen(kernel, {name: each for name, each in seen.conditions.items() if name not in names})
