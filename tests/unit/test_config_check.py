"""Files looked at before they are put in their place."""

import os
from pathlib import Path

from kmodd.config.check import check


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o666)
    return path


def test_good_files_have_no_issues_whoever_can_write_them(tmp_path: Path) -> None:
    assert check([_write(tmp_path / "a.toml", "[module.loop]\n")]) == ()


def test_every_file_is_looked_at(tmp_path: Path) -> None:
    files = [
        _write(tmp_path / "a.toml", "["),
        _write(tmp_path / "b.toml", "[modul.x]"),
        tmp_path / "missing.toml",
        _write(tmp_path / "latin.toml", ""),
        tmp_path,
    ]
    files[3].write_bytes(b"\xe9")
    issues = check(files)
    assert [issue.code for issue in issues] == [
        "syntax",
        "unknown-key",
        "unreadable",
        "not-utf8",
        "not-a-file",
    ]
    assert [issue.location.file for issue in issues] == [str(path) for path in files]


def test_files_are_held_against_each_other(tmp_path: Path) -> None:
    one = _write(tmp_path / "one" / "a.toml", '[module.x]\nstate = "denied"\n')
    two = _write(tmp_path / "two" / "a.toml", '[module.y]\nrequires = ["x"]\n')
    (issue,) = check([two, one])
    assert issue.code == "denied-but-required"
    assert issue.location.file == str(two)


def test_settings_are_known_by_their_name(tmp_path: Path) -> None:
    settings = _write(tmp_path / "kmodd" / "kmodd.toml", "enforce = false\n")
    drop_in = _write(tmp_path / "kmodd.d" / "kmodd.toml", "[module.loop]\n")
    assert check([settings, drop_in]) == ()
    assert [issue.code for issue in check([_write(settings, "[module.loop]\n")])] == ["unknown-key"]


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.toml")
    assert [issue.code for issue in check([tmp_path / "a.toml"])] == ["not-a-file"]
