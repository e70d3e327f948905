"""A commit whose answer did not come: what kmodd does with files tells whether it was one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from kmodd.cli.change import trial
from kmodd.cli.change.judge import Candidate
from kmodd.cli.change.trial_files import TrialFiles
from kmodd.cli.terminal.output import Options
from kmodd.config.paths import ConfigPaths
from kmodd.errors import ErrorKind, Kind, KmoddError
from tests.support.config_tree import config_paths

FILES = {name: Candidate(name, b"# new\n") for name in ("10.toml", "20.toml")}


class Kmodd:
    """Answers Commit with what is left of ``errors``, then well."""

    def __init__(self, *errors: Kind) -> None:
        self.errors = [KmoddError(kind, f"{kind.code} came") for kind in errors]
        self.calls: list[str] = []

    def create_checkpoint(self, _timeout_s: int) -> str:
        return "0123"

    def commit(self, checkpoint: str) -> None:
        self.calls.append(f"commit {checkpoint}")
        if self.errors:
            raise self.errors.pop(0)

    def roll_back(self, checkpoint: str) -> None:
        self.calls.append(f"roll back {checkpoint}")

    def reload(self) -> None:
        self.calls.append("reload")


class Case(NamedTuple):
    """What is answered to Commit, and where kmodd is by then with its files."""

    answers: tuple[Kind, ...]
    is_open: bool = True
    is_taken_back: bool = False


def attempt(paths: ConfigPaths, kmodd: Kmodd, monkeypatch: pytest.MonkeyPatch) -> trial._Attempt:
    """One that has come to the question whether it is to be kept."""

    @contextmanager
    def ask() -> Iterator[Kmodd]:
        yield kmodd

    monkeypatch.setattr(trial, "ask", ask)
    files = TrialFiles(paths, FILES)
    files.put()
    options = Options(yes=True, timeout=60)
    return trial._Attempt(kmodd, files, options)  # type: ignore[arg-type]


def begin(tmp_path: Path, case: Case, monkeypatch: pytest.MonkeyPatch) -> tuple[ConfigPaths, trial._Attempt]:
    """The files of a trial, and its attempt; kmodd has done with them what the case says."""
    paths = config_paths(tmp_path)
    paths.runtime_dir.mkdir(parents=True)
    one = attempt(paths, Kmodd(*case.answers), monkeypatch)
    if case.is_open:
        paths.checkpoint.touch()
    if case.is_taken_back:
        (paths.trial_dir / "10.toml").unlink()
    return paths, one


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


GONE, BROKEN, UNKNOWN = ErrorKind.NOT_RUNNING, ErrorKind.NO_BUS, ErrorKind.NOT_FOUND


@pytest.mark.parametrize(
    "case",
    [
        Case(()),
        Case((BROKEN,)),
        Case((BROKEN, BROKEN), is_open=False),
        Case((GONE, GONE), is_open=False),
        Case((GONE, UNKNOWN), is_open=False),
        Case((ErrorKind.FAILED, UNKNOWN)),  # somebody else's checkpoint is open by now
    ],
)
def test_what_was_committed_is_kept(
    tmp_path: Path, case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths, one = begin(tmp_path, case, monkeypatch)
    assert one._keep() is True
    assert (names(paths.directories[0]), names(paths.trial_dir)) == (list(FILES), [])
    assert one._is_to_be_ended is False
    # Where the second commit was one, there is nothing to be told.
    doubts = case.answers[:1] if len(case.answers) == 2 else ()
    said = (
        f"kmoddctl: {kind.code} came, but it was committed before: the files are kept\n" for kind in doubts
    )
    assert capsys.readouterr().err == "".join(said)


@pytest.mark.parametrize(
    "case",
    [
        Case((UNKNOWN,), is_open=False, is_taken_back=True),
        Case((BROKEN, UNKNOWN), is_open=False, is_taken_back=True),
        Case((BROKEN, BROKEN), is_open=False, is_taken_back=True),
        Case((GONE, GONE), is_taken_back=True),
    ],
)
def test_what_was_taken_back_is_not_kept(
    tmp_path: Path, case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, one = begin(tmp_path, case, monkeypatch)
    assert one._keep() is False
    assert one._is_to_be_ended is True
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "answers", [(GONE, GONE), (ErrorKind.FAILED, ErrorKind.FAILED), (ErrorKind.NOT_AUTHORIZED,)]
)
def test_what_is_certainly_not_committed_is_to_be_taken_back(
    tmp_path: Path, answers: tuple[Kind, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, one = begin(tmp_path, Case(answers), monkeypatch)
    with pytest.raises(KmoddError) as caught:
        one._keep()
    assert caught.value.kind is answers[0]
    assert one._is_to_be_ended is True


def test_where_nobody_can_be_asked_the_files_are_left_to_kmodd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, one = begin(tmp_path, Case((BROKEN, BROKEN)), monkeypatch)
    with pytest.raises(KmoddError) as caught:
        one._keep()
    assert str(caught.value) == (
        "no-bus came, and nobody can be asked whether the files are kept "
        f"(if {paths.trial_dir} still has them when it should have been taken back, "
        f"move them to {paths.directories[0]})"
    )
    assert (names(paths.directories[0]), names(paths.trial_dir)) == ([], list(FILES))
    assert one._is_to_be_ended is False
