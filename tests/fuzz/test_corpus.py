"""Every input of the corpus once more through its target: what was found stays mended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.__main__ import install, main
from tests.fuzz.table import CORPUS, DICTIONARIES, TARGETS
from tests.fuzz.targets import bus

_INPUTS = [path for name in sorted(TARGETS) for path in sorted((CORPUS / name).iterdir())]
_MOST_BYTES = 8192


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    yield
    bus.close()


@pytest.mark.parametrize("path", _INPUTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_input_of_the_corpus(path: Path) -> None:
    TARGETS[path.parent.name].load()(path.read_bytes())


def test_each_target_has_a_corpus_that_is_small_and_no_other_has_one() -> None:
    assert {path.name for path in CORPUS.iterdir()} == TARGETS.keys()
    for name in TARGETS:
        assert 0 < sum(path.stat().st_size for path in (CORPUS / name).iterdir()) <= _MOST_BYTES


def test_each_dictionary_is_of_a_target() -> None:
    used = {target.dictionary for target in TARGETS.values()} - {""}
    assert {path.name for path in DICTIONARIES.iterdir()} == used


def test_an_input_is_run_alone_where_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kmsg", "--replay", str(CORPUS / "kmsg/usual")]) == 0
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(TARGETS)


@pytest.mark.parametrize("arguments", [["no-such-target"], ["--replay", "/dev/null"]])
def test_what_cannot_be_fuzzed_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "target" in capsys.readouterr().err


def test_without_a_wheel_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        SystemExit, match=r"^fuzz: there is no wheel of atheris==0.0.0 for Python 3\.\d+ "
    ) as said:
        install(["atheris==0.0.0"])
    assert "\n" not in str(said.value)
