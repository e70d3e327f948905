"""The generated files of modprobe.d, whatever stands in their way: never less protection than there was."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kmodd.core.modprobe_conf import HEADER
from kmodd.errors import ErrorKind
from kmodd.events.trigger import Look
from kmodd.model import Desired
from kmodd.shown import Condition, DaemonState
from tests.support.daemon import CONFIG, SimulatedDaemon, declare, lost, play

FULL = Look(full=True)


def put_in(daemon: SimulatedDaemon, path: Path) -> None:
    """The setting names another file; a look has to follow."""
    settings = daemon.catalog.settings._replace(modprobe_file=str(path))
    daemon.catalog = daemon.catalog._replace(key=str(path), settings=settings)


def turn_off(daemon: SimulatedDaemon) -> None:
    settings = daemon.catalog.settings._replace(enforce=False)
    daemon.catalog = daemon.catalog._replace(key="off", settings=settings)


async def denied(daemon: SimulatedDaemon) -> None:
    """One denied module, proved."""
    daemon.declare(declare("dummy", Desired.DENIED))
    await daemon.second()
    assert daemon.status("dummy").condition is Condition.DENIED


def make_link(path: Path) -> None:
    path.symlink_to("/dev/null")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, make_link])
def test_what_is_no_file_is_left_and_told_and_mending_it_is_noticed(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await denied(daemon)
        place, kept = daemon.modprobe_file, tmp_path / "kept"
        place.rename(kept)
        make(place)
        await daemon.look(FULL)
        assert daemon.state() is DaemonState.DEGRADED
        assert daemon.status("dummy").condition is Condition.UNVERIFIABLE
        if place.is_dir():
            place.rmdir()
        kept.rename(place)
        await daemon.look(FULL)
        assert daemon.status("dummy").condition is Condition.DENIED
        assert not daemon.snapshot.problem

    play(tmp_path, scenario)


def test_a_fifo_that_somebody_holds_open_holds_nobody_up(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await denied(daemon)
        daemon.modprobe_file.unlink()
        os.mkfifo(daemon.modprobe_file)
        end = os.open(daemon.modprobe_file, os.O_RDWR)
        await daemon.look(FULL)
        os.close(end)
        assert "no regular file" in daemon.snapshot.problem

    play(tmp_path, scenario)


def test_no_trouble_is_told_of_what_is_not_enforced(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await denied(daemon)
        daemon.modprobe_file.unlink()
        daemon.modprobe_file.mkdir()
        await daemon.look(FULL)
        assert daemon.snapshot.problem
        turn_off(daemon)
        await daemon.look(CONFIG)
        assert not daemon.snapshot.problem

    play(tmp_path, scenario)


def test_the_old_file_stays_until_the_new_one_is_there(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await denied(daemon)
        put_in(daemon, tmp_path / "no" / "such" / "place.conf")
        await daemon.look(CONFIG)
        assert daemon.snapshot.problem
        assert daemon.modprobe_file.read_text().startswith(HEADER)
        put_in(daemon, tmp_path / "new.conf")
        await daemon.look(CONFIG)
        assert (tmp_path / "new.conf").read_text().startswith(HEADER)
        assert not daemon.modprobe_file.exists()

    play(tmp_path, scenario)


def test_a_note_that_cannot_be_kept_does_not_keep_the_file_from_being_written(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        (tmp_path / ".modprobe-file.new").mkdir()
        await denied(daemon)
        assert daemon.modprobe_file.read_text().startswith(HEADER)
        assert str(tmp_path / "modprobe-file") in daemon.snapshot.problem

    play(tmp_path, scenario)


@pytest.mark.parametrize("note", [b"\0\0\0", b"", b"relative", b"/\xff"])
def test_a_damaged_note_is_as_none(note: bytes, tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await denied(daemon)
        assert (tmp_path / "modprobe-file").read_text() == str(daemon.modprobe_file)

    (tmp_path / "modprobe-file").write_bytes(note)
    play(tmp_path, scenario)


def test_somebody_elses_file_is_no_trouble_where_nothing_is_to_be_said(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        (tmp_path / "zz-kmodd.conf").write_text("# mine\n")
        await denied(daemon)
        assert not daemon.snapshot.problem
        assert (tmp_path / "zz-kmodd.conf").read_text() == "# mine\n"

    play(tmp_path, scenario)


def test_a_proof_that_was_lost_is_tried_again_without_an_event(tmp_path: Path) -> None:
    async def scenario(daemon: SimulatedDaemon) -> None:
        await denied(daemon)
        daemon.loader.refusals.append(lost(ErrorKind.LOADER_LOST))
        daemon.modprobe_file.unlink()
        await daemon.look(FULL)
        assert daemon.status("dummy").condition is Condition.UNVERIFIABLE
        assert "cannot be proved: loader" in daemon.status("dummy").message
        await asyncio.sleep(60)
        assert daemon.status("dummy").condition is Condition.DENIED

    play(tmp_path, scenario)
