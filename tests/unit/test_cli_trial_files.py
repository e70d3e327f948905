"""Files on trial, from kmoddctl's side: what is where at each step, and when a step fails."""

import errno
import os
import tempfile
from pathlib import Path

import pytest

from kmodd.cli.change.judge import Candidate, refuse_wrong
from kmodd.cli.change.own_file import writing
from kmodd.cli.change.trial_files import TrialFiles, read
from kmodd.config.paths import ConfigPaths
from kmodd.errors import ErrorKind, KmoddError
from tests.support.config_tree import config_paths, drop

NEW = {name: Candidate(f"./{name}", f"# {name}\n".encode()) for name in ("10.toml", "20.toml")}


@pytest.fixture
def paths(tmp_path: Path) -> ConfigPaths:
    paths = config_paths(tmp_path)
    drop(paths.directories[0], "10.toml", "# old\n")
    return paths


def contents(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()} if directory.exists() else {}


def test_etc_is_as_it_was_until_it_is_kept(paths: ConfigPaths) -> None:
    etc, trial = paths.directories[0], TrialFiles(paths, NEW)
    new = {name: candidate.content.decode() for name, candidate in NEW.items()}
    trial.put()
    assert (contents(paths.trial_dir), contents(etc)) == (new, {"10.toml": "# old\n"})
    trial.prepare()
    assert {name: text for name, text in contents(etc).items() if name[0] != "."} == {"10.toml": "# old\n"}
    trial.keep()
    assert (contents(paths.trial_dir), contents(etc)) == ({}, new)
    assert not paths.trial_dir.exists()


def test_nobody_else_can_write_there_whatever_the_umask(paths: ConfigPaths) -> None:
    paths.trial_dir.parent.parent.mkdir(parents=True, exist_ok=True)
    before = os.umask(0)
    try:
        TrialFiles(paths, NEW).put()
    finally:
        os.umask(before)
    places = (paths.trial_dir.parent, paths.trial_dir, *paths.trial_dir.iterdir())
    assert [path.stat().st_mode & 0o022 for path in places] == [0] * len(places)


@pytest.mark.parametrize("prepared", [False, True])
def test_an_end_leaves_nothing(paths: ConfigPaths, prepared: bool) -> None:
    trial = TrialFiles(paths, NEW)
    trial.put()
    if prepared:
        trial.prepare()
    trial.end()
    trial.end()
    assert contents(paths.directories[0]) == {"10.toml": "# old\n"}
    assert not paths.trial_dir.exists()


def test_what_was_committed_and_cannot_take_its_place_stays_in_force(
    paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_from: Path, _to: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    trial = TrialFiles(paths, NEW)
    trial.put()
    trial.prepare()
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", fails)
        with pytest.raises(KmoddError) as caught:
            trial.keep()
    assert caught.value.kind is ErrorKind.FAILED
    assert "it is kept, but not beyond this boot" in caught.value.message
    assert contents(paths.trial_dir).keys() == NEW.keys()
    with pytest.raises(KmoddError) as caught:
        trial.refuse_another()
    assert caught.value.kind is ErrorKind.BUSY


def test_a_kill_between_two_files_leaves_all_on_trial_and_the_next_trial_says_so(
    paths: ConfigPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = os.replace

    def killed(staged: Path, path: Path) -> None:
        put(staged, path)
        raise SystemExit

    trial = TrialFiles(paths, NEW)
    trial.put()
    trial.prepare()
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        with pytest.raises(SystemExit):
            trial.keep()
    assert contents(paths.trial_dir).keys() == NEW.keys()
    with pytest.raises(KmoddError) as caught:
        trial.refuse_another()
    etc = paths.directories[0]
    assert str(caught.value) == (
        f"a trial was kept, and ended before its files were in {etc}: 10.toml, 20.toml "
        f"(move them there from {paths.trial_dir}, where they are in force until the next boot)"
    )
    assert caught.value.kind is ErrorKind.BUSY


def test_a_trial_that_goes_on_is_another_matter(paths: ConfigPaths) -> None:
    trial = TrialFiles(paths, NEW)
    trial.refuse_another()
    trial.put()
    paths.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    paths.checkpoint.touch()
    with pytest.raises(KmoddError, match="files of another trial are in"):
        trial.refuse_another()


def test_messages_are_known_for_its_own(paths: ConfigPaths) -> None:
    trial = TrialFiles(paths, NEW)
    assert trial.is_named_in(f"{paths.trial_dir}/20.toml:3:1: no")
    assert trial.is_named_in(f"{paths.trial_dir}: group or others can write this directory")
    assert not trial.is_named_in(f"{paths.directories[0]}/20.toml:3:1: no")


@pytest.mark.shows("fault: full disk")
@pytest.mark.parametrize("step", ["put", "prepare"])
def test_what_cannot_be_written_is_said_and_leaves_etc_as_it_was(paths: ConfigPaths, step: str) -> None:
    place = paths.trial_dir if step == "put" else paths.directories[0]
    obstacle = place / ".20.toml.new"
    obstacle.mkdir(parents=True)
    trial = TrialFiles(paths, NEW)
    with pytest.raises(KmoddError) as caught:
        getattr(trial, step)()
    assert caught.value.message == f"{place} cannot be written: {os.strerror(errno.EISDIR)}"
    obstacle.rmdir()
    trial.end()
    assert contents(paths.directories[0]) == {"10.toml": "# old\n"}
    assert not paths.trial_dir.exists()


def test_whose_files_they_are_not_is_told_so() -> None:
    with pytest.raises(KmoddError) as caught, writing(Path("/etc/kmodd.d")):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    assert caught.value.kind is ErrorKind.NOT_AUTHORIZED
    assert str(caught.value) == "/etc/kmodd.d cannot be written (files are root's to write: use sudo)"


def test_links_in_a_loop_cannot_be_read(paths: ConfigPaths, tmp_path: Path) -> None:
    loop = tmp_path / "20.toml"
    loop.symlink_to(loop)
    with pytest.raises(KmoddError) as caught:
        read([str(loop)], paths)
    assert caught.value.kind is ErrorKind.NOT_FOUND
    assert "Too many levels of symbolic links" in caught.value.message


def test_a_link_to_a_file_in_force_is_that_file(paths: ConfigPaths, tmp_path: Path) -> None:
    (tmp_path / "20.toml").symlink_to(paths.directories[0] / "10.toml")
    with pytest.raises(KmoddError, match="in force already"):
        read([str(tmp_path / "20.toml")], paths)


@pytest.mark.shows("fault: full disk")
def test_where_nothing_can_be_judged_that_is_said(
    paths: ConfigPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "no"))
    with pytest.raises(KmoddError, match="files cannot be written for the time in which they are judged"):
        refuse_wrong(NEW, paths)
