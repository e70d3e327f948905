"""Each file that kmodd writes cannot be written: that is said or refused, and the running set stays as it is.

What fails is real: a directory lies where the new file is made before it is renamed. Full and read-only file
systems under a whole daemon are in tests/uml/test_no_room.py.
"""

import ast
import asyncio
import errno
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import kmodd
from kmodd.config.compile import compile_catalog
from kmodd.errors import ErrorKind, KmoddError
from kmodd.events.trigger import EVERYTHING
from kmodd.model import Desired
from kmodd.names import ModuleName
from kmodd.shown import Condition, DaemonState
from tests.support.boots import SimulatedMachine
from tests.support.config_tree import config_paths, drop
from tests.support.daemon import CONFIG, SimulatedDaemon, declare, play, with_parameters
from tests.support.simulated import Fault

OTHER, DUMMY = ModuleName("other"), ModuleName("dummy")
WHY = os.strerror(errno.EISDIR)
SITES = {
    "cli/change/own_file.py write": "tests/bus/test_cli_overrides.py: kmoddctl's, in /etc/kmodd.d",
    "cli/change/trial_files.py prepare": "tests/unit/test_cli_trial_files.py: the same",
    "cli/change/trial_files.py put": "tests/unit/test_cli_trial_files.py: kmoddctl's, in /run/kmodd.d/trial",
    "config/store.py write": "catalog.json, last-good, checkpoints and what is held, below",
    "daemon/block_file.py apply": "00-kmodd-blocked.conf",
    "daemon/enforcement.py pause": "paused",
    "daemon/intent_files.py _write": "boot.json, quarantines.json",
    "daemon/intent_files.py rewrite": "other.load.json",
    "daemon/intent_files.py try_intents": "boot.json",
    "daemon/inventory.py _write": "inventory.json",
    "daemon/memory_file.py write": "loads.json",
    "daemon/modprobe_file.py _forget_other_place": "modprobe-file",
    "daemon/modprobe_file.py _replace": "00-kmodd.conf",
    "daemon/override_files.py _write": "zz-override-dummy.toml",
    "daemon/override_files.py put": "override.json",
    "initramfs/record.py write": "tests/unit/test_initramfs_main.py: no daemon writes it",
    "kernel/intents.py write_down": "tests/unit/test_crash_guard.py: written in a child of the loader",
}
"""Every place that writes a file, and the files of it that are spoilt here."""


def spoil(path: Path) -> Path:
    """Have every write of this file fail from now on; what is in its way."""
    obstacle = path.with_name(f".{path.name}.new")
    obstacle.mkdir(parents=True)
    return obstacle


def test_every_place_that_writes_is_listed() -> None:
    root = Path(kmodd.__file__).parent
    found = set()
    for path in root.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                calls = (ast.unparse(n.func) for n in ast.walk(function) if isinstance(n, ast.Call))
                if {"write_atomically", "stage"} & set(calls) and path.name != "files.py":
                    found.add(f"{path.relative_to(root)} {function.name}")
    assert found == set(SITES)


def said(caplog: pytest.LogCaptureFixture, daemon: SimulatedDaemon) -> str:
    """Whatever a person is told."""
    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    return "\n".join((*logged, daemon.snapshot.problem))


@pytest.mark.shows("fault: full disk")
@pytest.mark.parametrize(
    ("name", "is_told"),
    [("loads.json", True), ("modprobe-file", True), ("00-kmodd.conf", True), ("inventory.json", False)],
)
def test_what_a_pass_writes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, is_told: bool
) -> None:
    """The inventory is a cache: without it the next start asks again, and nobody has to know."""

    async def scenario(daemon: SimulatedDaemon) -> None:
        obstacle = spoil(tmp_path / name)
        daemon.declare(with_parameters("dummy", level="2"), declare("other", Desired.DENIED))
        await daemon.look(CONFIG)
        assert daemon.kernel.present() == {"dummy"}
        assert daemon.status("dummy").condition is Condition.IN_SYNC
        assert (WHY in said(caplog, daemon)) is is_told
        obstacle.rmdir()
        await daemon.look(EVERYTHING)
        await daemon.until(lambda: daemon.state() is DaemonState.CONVERGED)
        assert daemon.loader.begun().count(DUMMY) == 1

    play(tmp_path, scenario)


Call = Callable[[SimulatedDaemon], Awaitable[object]]


class Refused(NamedTuple):
    """A call that needs a file, relative to what the daemon has."""

    file: Path
    call: Call


OVERRIDE = Path("root/run/kmodd.d/zz-override-dummy.toml")
REFUSED = (
    Refused(Path("paused"), lambda daemon: daemon.facade.pause(paused=True)),
    Refused(Path("root/run/kmodd/override.json"), lambda daemon: daemon.facade.set_override(DUMMY, {})),
    Refused(OVERRIDE, lambda daemon: daemon.facade.set_override(DUMMY, {})),
    Refused(Path("checkpoint.json"), lambda daemon: daemon.facade.create_checkpoint(60)),
    Refused(Path("checkpoint-catalog.json"), lambda daemon: daemon.facade.create_checkpoint(60)),
)


@pytest.mark.shows("fault: full disk")
@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.file.name)
def test_what_a_call_needs(tmp_path: Path, row: Refused) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.reads_files = True
        drop(daemon.files.directories[0], "10.toml", "[module.base]\n")
        await daemon.look(CONFIG)
        performed = list(daemon.loader.journal)
        obstacle = spoil(tmp_path / row.file)
        with pytest.raises(KmoddError) as caught:
            await row.call(daemon)
        assert caught.value.kind is ErrorKind.STATE_NOT_WRITABLE
        assert WHY in caught.value.message
        await daemon.look(EVERYTHING)
        assert daemon.loader.journal == performed
        assert daemon.state() is DaemonState.CONVERGED
        assert not daemon.facade.paused
        obstacle.rmdir()
        await row.call(daemon)

    play(tmp_path, scenario)


@pytest.mark.shows("fault: full disk")
def test_what_a_rollback_leaves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is taken back all the same; that a restart will not know of it is said."""

    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.reads_files = True
        drop(daemon.files.directories[0], "10.toml", "[module.base]\n")
        await daemon.look(CONFIG)
        checkpoint = await daemon.facade.create_checkpoint(600)
        drop(daemon.files.directories[0], "20.toml", "[module.other]\n")
        await daemon.look(CONFIG)
        spoil(tmp_path / "held.json")
        await daemon.facade.roll_back(checkpoint)
        await daemon.second()
        assert daemon.kernel.present() == {"base"}
        assert f"a checkpoint cannot be kept: {WHY}" in said(caplog, daemon)

    play(tmp_path, scenario)


@pytest.mark.shows("fault: full disk")
@pytest.mark.parametrize("file", ["other.load.json", "00-kmodd-blocked.conf", "loads.json"])
def test_what_is_written_of_a_crash(tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str) -> None:
    """It is not tried again in any case, and what could not be written is said."""
    machine = SimulatedMachine(tmp_path)
    directory = {"other.load.json": machine.state / "intents", "loads.json": tmp_path}

    async def scenario(daemon: SimulatedDaemon) -> None:
        daemon.loader.gates[OTHER] = asyncio.Event()
        daemon.loader.faults[OTHER] = [Fault(stuck=True)]
        daemon.declare(declare("other"), declare("base"))
        await daemon.look(CONFIG)
        spoil(directory.get(file, machine.blocked.parent) / file)
        daemon.loader.gates[OTHER].set()
        await daemon.second()
        assert daemon.status("other").condition is Condition.FAILED
        assert daemon.status("base").condition is Condition.IN_SYNC
        await asyncio.sleep(3600)
        assert daemon.loader.begun().count(OTHER) == 1
        assert WHY in said(caplog, daemon)

    machine.boot(scenario)


@pytest.mark.shows("fault: full disk", "fault: open intent")
def test_a_quarantine_that_cannot_be_kept_is_found_again_by_the_next_boot(tmp_path: Path) -> None:
    """Its intent is all that knows of the crash as long as nothing else does."""
    machine = SimulatedMachine(tmp_path)

    async def crashes(daemon: SimulatedDaemon) -> None:
        daemon.loader.gates[OTHER] = asyncio.Event()
        daemon.declare(declare("other"))
        await daemon.look(CONFIG)
        assert daemon.loader.begun() == ["other"]
        machine.go_down()

    async def is_kept_out(daemon: SimulatedDaemon) -> None:
        daemon.declare(declare("other"))
        await daemon.look(CONFIG)
        assert daemon.status("other").condition is Condition.QUARANTINED
        assert daemon.loader.begun() == []

    machine.boot(crashes)
    machine.boot(crashes)
    obstacle = spoil(machine.state / "quarantines.json")
    machine.boot(is_kept_out)
    obstacle.rmdir()
    machine.boot(is_kept_out)
    machine.boot(is_kept_out)


@pytest.mark.shows("fault: full disk")
def test_which_boot_it_is(tmp_path: Path) -> None:
    """A full look tries it again, and then a person who has made room is told that all is well."""
    machine = SimulatedMachine(tmp_path)
    obstacle = spoil(machine.state / "boot.json")

    async def scenario(daemon: SimulatedDaemon) -> None:
        await daemon.second()
        assert WHY in daemon.snapshot.problem
        daemon.declare(declare("base"))
        await daemon.look(CONFIG)
        assert daemon.status("base").condition is Condition.IN_SYNC
        also = spoil(machine.state / "intents/.try")
        await daemon.guard.healthy()
        obstacle.rmdir()
        await daemon.look(EVERYTHING)
        assert WHY in daemon.snapshot.problem
        also.rmdir()
        await daemon.look(EVERYTHING)
        assert daemon.state() is DaemonState.CONVERGED
        assert list((machine.state / "intents").iterdir()) == []

    machine.boot(scenario)


@pytest.mark.shows("fault: full disk")
def test_what_the_compiler_writes(tmp_path: Path) -> None:
    """Last good versions are said not to be kept; without a catalog it ends, and the one before holds."""
    paths = config_paths(tmp_path)
    drop(paths.directories[0], "10.toml", "[module.a]\n")
    obstacle = spoil(paths.last_good)
    (issue,) = compile_catalog(paths).issues
    assert issue.message == f"the last good versions cannot be kept: {WHY}"
    obstacle.rmdir()
    assert compile_catalog(paths).issues == ()
    before = paths.catalog.read_bytes()
    drop(paths.directories[0], "20.toml", "[module.b]\n")
    spoil(paths.catalog)
    with pytest.raises(IsADirectoryError):
        compile_catalog(paths)
    assert paths.catalog.read_bytes() == before
