"""Files on trial (``kmoddctl try``): above all others, and gone with the rollback of a checkpoint."""

import asyncio
from pathlib import Path

import pytest

from kmodd.config.compile import compile_catalog
from kmodd.config.compiler import load_catalog
from kmodd.config.last_good import read_last_good
from kmodd.config.layers import TRIAL_RANK, scan
from kmodd.config.look import Standing
from kmodd.config.paths import ConfigPaths
from kmodd.model import Desired
from kmodd.names import ModuleName
from kmodd.shown import DaemonState
from tests.support.config_tree import config_paths, drop
from tests.support.daemon import CONFIG, SimulatedDaemon, play
from tests.support.simulated_kernel import SimulatedKernel, module

OLD, NEW = "[module.dummy]\n", '[module.dummy]\nstate = "unloaded"\n[module.other]\n'
TREE = (module("dummy"), module("other"))


@pytest.fixture
def paths(tmp_path: Path) -> ConfigPaths:
    return config_paths(tmp_path)


def test_a_file_on_trial_hides_the_one_of_its_name_everywhere(paths: ConfigPaths) -> None:
    drop(paths.directories[0], "10.toml", OLD)
    tried = drop(paths.trial_dir, "10.toml", NEW)
    (visible,) = scan(paths).visible
    assert (visible.path, visible.rank) == (tried, TRIAL_RANK)
    (hidden,) = [file for file in scan(paths).files if file.standing is Standing.HIDDEN]
    assert hidden.rank != TRIAL_RANK


def test_the_compiler_child_knows_them(paths: ConfigPaths) -> None:
    paths.runtime_dir.mkdir(parents=True)
    drop(paths.trial_dir, "10.toml", NEW)
    catalog = asyncio.run(load_catalog(paths))
    assert [(d.name, d.state) for d in catalog.declarations] == [
        ("dummy", Desired.UNLOADED),
        ("other", Desired.LOADED),
    ]


def test_what_was_only_tried_is_no_last_good_version(paths: ConfigPaths) -> None:
    drop(paths.directories[0], "10.toml", OLD)
    compile_catalog(paths)
    broken = drop(paths.directories[0], "10.toml", "[module.dummy\n")
    tried = drop(paths.trial_dir, "10.toml", NEW)
    assert {d.name for d in compile_catalog(paths).declarations} == {"dummy", "other"}
    tried.unlink()
    assert [d.state for d in compile_catalog(paths).declarations] == [Desired.LOADED]
    assert read_last_good(paths.last_good).files["10.toml"].text == OLD
    broken.write_text(NEW)
    compile_catalog(paths)
    assert read_last_good(paths.last_good).files["10.toml"].text == NEW


def test_a_mask_on_trial_loses_no_last_good_version(paths: ConfigPaths) -> None:
    drop(paths.directories[0], "10.toml", OLD)
    compile_catalog(paths)
    drop(paths.directories[0], "10.toml", "[module.dummy\n")
    mask = drop(paths.trial_dir, "10.toml", "")
    assert compile_catalog(paths).declarations == ()
    mask.unlink()
    assert [d.name for d in compile_catalog(paths).declarations] == ["dummy"]


async def begin(daemon: SimulatedDaemon) -> str:
    """One file in force, a checkpoint, and another in its place on trial, carried out."""
    daemon.reads_files = True
    drop(daemon.files.directories[0], "10.toml", OLD)
    await daemon.look(CONFIG)
    assert daemon.kernel.present() == {"dummy"}
    checkpoint = await daemon.facade.create_checkpoint(60)
    drop(daemon.files.trial_dir, "10.toml", NEW)
    await daemon.look(CONFIG)
    assert daemon.kernel.present() == {"other"}
    return checkpoint


async def is_taken_back(daemon: SimulatedDaemon) -> None:
    """Files and kernel, and nobody has to do anything more about it."""
    daemon.reads_files = True
    await daemon.second()
    assert list(daemon.files.trial_dir.iterdir()) == []
    assert daemon.kernel.present() == {"dummy"}
    assert daemon.state() is DaemonState.CONVERGED
    assert daemon.checkpoints.problem == ""


def test_a_rollback_takes_them_away(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.facade.roll_back(await begin(daemon))
        await is_taken_back(daemon)

    play(tmp_path, scenario, TREE)


def test_the_end_of_time_takes_them_away(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await begin(daemon)
        await asyncio.sleep(60)
        await is_taken_back(daemon)

    play(tmp_path, scenario, TREE)


@pytest.mark.shows("P8")
def test_a_kmodd_that_was_killed_takes_them_away_when_it_starts_again(tmp_path: Path) -> None:
    async def killed(daemon: SimulatedDaemon) -> None:
        await begin(daemon)

    kernel = SimulatedKernel(TREE)
    play(tmp_path, killed, kernel=kernel)
    play(tmp_path, is_taken_back, kernel=kernel)


def test_a_restart_in_good_order_goes_on_with_them(tmp_path: Path) -> None:
    async def stopped(daemon: SimulatedDaemon) -> None:
        await begin(daemon)
        daemon.checkpoints.stopped()

    async def goes_on(daemon: SimulatedDaemon) -> None:
        daemon.reads_files = True
        await daemon.second()
        assert daemon.kernel.present() == {"other"}
        await asyncio.sleep(60)
        await is_taken_back(daemon)

    kernel = SimulatedKernel(TREE)
    play(tmp_path, stopped, kernel=kernel)
    play(tmp_path, goes_on, kernel=kernel)


def test_a_commit_leaves_them_to_who_tries_them(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.facade.commit(await begin(daemon))
        await asyncio.sleep(120)
        assert [path.name for path in daemon.files.trial_dir.iterdir()] == ["10.toml"]
        instance = daemon.kernel.instance(ModuleName("other"))
        drop(daemon.files.directories[0], "10.toml", NEW)
        (daemon.files.trial_dir / "10.toml").unlink()
        await daemon.look(CONFIG)
        assert daemon.kernel.instance(ModuleName("other")) == instance
        assert daemon.state() is DaemonState.CONVERGED

    play(tmp_path, scenario, TREE)


def test_a_checkpoint_that_cannot_be_believed_keeps_nothing_on_trial(tmp_path: Path) -> None:
    async def killed(daemon: SimulatedDaemon) -> None:
        await begin(daemon)

    async def starts(daemon: SimulatedDaemon) -> None:
        assert list(daemon.files.trial_dir.iterdir()) == []

    kernel = SimulatedKernel(TREE)
    play(tmp_path, killed, kernel=kernel)
    (tmp_path / "checkpoint.json").write_text("{")
    play(tmp_path, starts, kernel=kernel)
