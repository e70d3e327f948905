"""One table says where each file goes on the installed machine, and it is whole."""

import os
import subprocess
from pathlib import Path

import install
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def tracked(directory: str) -> set[Path]:
    """The files below a directory that git knows or would take."""
    ask = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", directory]
    answer = subprocess.run(ask, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    paths = {REPOSITORY / name for name in answer.stdout.split("\0") if name}
    return {path for path in paths if path.exists()}


@pytest.mark.parametrize("directory", install.WHOLE_DIRECTORIES)
def test_every_file_has_its_place(directory: str) -> None:
    assert tracked(directory) <= {file.source for file in install.placed()}


def test_no_two_files_have_the_same_place() -> None:
    targets = [file.target for file in install.placed()]
    assert len(targets) == len(set(targets))


def test_a_row_without_a_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "FILES", (install.Row("systemd/nothing.service", "{datadir}/"),))
    with pytest.raises(FileNotFoundError, match=r"systemd/nothing\.service"):
        list(install.placed())


def test_files_are_copied_with_their_modes_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        install.install(tmp_path)
    finally:
        os.umask(before)
    for file in install.placed():
        copy = install.below(tmp_path, file.target)
        assert copy.read_bytes() == install.content(file.source, install.VARIABLES)
        assert copy.stat().st_mode & 0o7777 == file.mode
        assert copy.parent.stat().st_mode & 0o7777 == 0o755
    assert not list((tmp_path / "etc/kmodd.d").iterdir())


def test_make_install_takes_a_root_and_other_directories(tmp_path: Path) -> None:
    subprocess.run(
        ["make", "install", f"DESTDIR={tmp_path}", "DIRECTORIES=docdir=/usr/share/doc/packages/kmodd"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    assert (tmp_path / "usr/lib/systemd/system/kmodd.service").is_file()
    assert (tmp_path / "usr/share/doc/packages/kmodd/examples/10-dummy.toml.example").is_file()


@pytest.mark.parametrize("wrong", ["zshdir", "zshdir=relative", "unheard=/of"])
def test_a_wrong_directory_is_refused_with_the_right_ones(
    wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        install.main([wrong])
    assert "zshdir" in capsys.readouterr().err
