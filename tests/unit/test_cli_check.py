"""``kmoddctl check``: the real compiler on real files, in this process."""

import json
from pathlib import Path

import pytest

from kmodd.cli.main import main
from kmodd.cli.offline import target
from kmodd.cli.offline.check import configured
from kmodd.config.paths import ConfigPaths

GOOD = "[module.loop]\nparameters = { max_loop = 8 }\n"
BROKEN = '[module.loop]\nparamters = { max_loop = 8 }\nstate = "loadet"\n'


@pytest.fixture(autouse=True)
def _no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever kernel runs here has no say."""
    monkeypatch.setattr(target, "TREES", "/no/modules")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory of drop-ins, one right and one wrong."""
    tmp_path.joinpath("10-good.toml").write_text(GOOD)
    tmp_path.joinpath("20-broken.toml").write_text(BROKEN)
    tmp_path.joinpath("30-other.txt").write_text("not for us")
    tmp_path.joinpath(".20-broken.toml").write_text("an editor's, not for us")
    return tmp_path


def test_a_good_file_is_said_to_be_good(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(directory / "10-good.toml")]) == 0
    assert capsys.readouterr() == ("1 file: 0 errors, 0 warnings\n", "")


def test_every_error_has_its_place_as_compilers_write_it(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(directory)]) == 5
    first, second, summary = capsys.readouterr().out.splitlines()
    place = directory / "20-broken.toml"
    assert first.startswith(f"{place}:2:1: error: unknown key 'module.loop.paramters' (did you mean")
    assert first.endswith("[unknown-key]")
    assert second.startswith(f"{place}:3:9: error: ")
    assert summary == "2 files: 2 errors, 0 warnings"


def test_json_has_the_parts(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", str(directory / "20-broken.toml")]) == 5
    first, _ = json.loads(capsys.readouterr().out)
    assert first == {
        "severity": "error",
        "code": "unknown-key",
        "message": "unknown key 'module.loop.paramters'",
        "hint": "did you mean 'parameters'?",
        "location": {"file": str(directory / "20-broken.toml"), "line": 2, "column": 1},
    }


@pytest.mark.parametrize("name", ["loop.toml", "x" * 300, "10-good.toml/x"])
def test_what_cannot_be_read_is_never_good(
    directory: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    directory.joinpath("loop.toml").symlink_to("loop.toml")
    assert main(["check", str(directory / name)]) == 5
    assert ": error: it cannot be read: " in capsys.readouterr().out


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "nosuch.toml")]) == 5
    assert "nosuch.toml: error: it cannot be read: No such file or directory" in capsys.readouterr().out


def test_a_name_that_would_talk_to_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "\x1b[2J.toml")]) == 5
    assert capsys.readouterr().out.replace("\n", "").isprintable()


def test_without_files_it_is_what_is_configured(directory: Path) -> None:
    settings = directory / "daemon" / "kmodd.toml"
    settings.parent.mkdir()
    settings.write_text("enforce = 1\n")
    issues, files, *_ = configured(ConfigPaths((directory,), settings))
    assert files == 3
    assert [issue.location.line for issue in issues if issue.location.file == str(settings)] == [1]
    assert {issue.code for issue in issues} >= {"unknown-key", "bad-value"}


def test_what_becomes_of_a_wrong_file_is_not_its_fault(directory: Path) -> None:
    issues, *_ = configured(ConfigPaths((directory,), directory / "nosuch"))
    assert {issue.code for issue in issues} == {"unknown-key", "bad-value"}


def test_owners_and_modes_count_where_files_are_in_force(directory: Path) -> None:
    directory.joinpath("10-good.toml").chmod(0o666)
    issues, *_ = configured(ConfigPaths((directory,), directory / "nosuch"))
    assert "unsafe-mode" in {issue.code for issue in issues}


def test_strict_lets_warnings_fail(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """There are none without a kernel, so nothing fails; tests/adapters/test_check.py has those that do."""
    assert main(["check", "--strict", str(directory / "10-good.toml")]) == 0
    assert main(["check", "--strict", str(directory / "20-broken.toml")]) == 5
    assert "1 file: 2 errors, 0 warnings" in capsys.readouterr().out


def test_sarif_has_every_place_and_rule(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--sarif", str(directory)]) == 5
    log = json.loads(capsys.readouterr().out)
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == ["bad-value", "unknown-key"]
    assert [rules[result["ruleIndex"]] for result in run["results"]] == ["unknown-key", "bad-value"]
    assert [result["ruleId"] for result in run["results"]] == ["unknown-key", "bad-value"]
    assert {result["level"] for result in run["results"]} == {"error"}
    assert run["results"][0]["message"]["text"].endswith("(did you mean 'parameters'?)")
    assert run["results"][0]["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": f"file://{directory}/20-broken.toml"},
                "region": {"startLine": 2, "startColumn": 1},
            }
        }
    ]


def test_sarif_of_a_relative_path_with_what_a_uri_cannot_have(
    directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "a b#?.toml").write_text(BROKEN)
    monkeypatch.chdir(directory)
    assert main(["check", "--sarif", "a b#?.toml", "gone.toml"]) == 5
    results = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    places = [result["locations"][0]["physicalLocation"] for result in results]
    assert {place["artifactLocation"]["uri"] for place in places} == {"a%20b%23%3F.toml", "gone.toml"}
    assert [place for place in places if "region" not in place] == [
        {"artifactLocation": {"uri": "gone.toml"}}
    ]


def test_sarif_of_nothing_has_no_results(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--sarif", str(directory / "10-good.toml")]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert run["results"] == []
