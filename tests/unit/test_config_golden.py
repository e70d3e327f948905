"""Texts of every error, and what is in force then: one folder a case, walked here.

A case holds ``tree/`` (files below a root), perhaps ``before/`` (the tree that was in force until then),
``make.toml`` (what a repository cannot hold) and ``expected.txt``. KMODD_GOLDEN=write writes the latter anew.
"""

import os
import shutil
from pathlib import Path

import pytest

from kmodd.config import messages, syntax
from kmodd.config.compile import compile_catalog
from kmodd.config.issues import Code
from kmodd.model import Catalog
from kmodd.shown import Issue
from tests.support.config_tree import config_paths, make, settle_modes
from tests.support.message_sites import Site, recorded, written

_GOLDEN = Path(__file__).parents[1] / "golden" / "config"
_CASES = sorted(path.name for path in _GOLDEN.iterdir())
_NEVER = "_take"
"""Finds nothing in what tomli accepts: test_config_locate holds the two against each other."""
_SITES: dict[str, frozenset[Site]] = {}
"""Lines that said something, by case."""


@pytest.mark.shows("P7", "fault: bad file", "fault: too much", "security 6")
@pytest.mark.parametrize("name", _CASES)
def test_case(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = _GOLDEN / name
    paths = config_paths(tmp_path)
    _put(case / "before", tmp_path)
    if (case / "before").exists():
        assert _errors(compile_catalog(paths)) == []
        for directory in (*paths.directories, paths.settings.parent):
            shutil.rmtree(directory, ignore_errors=True)
    _put(case / "tree", tmp_path)
    make(case / "make.toml", tmp_path, monkeypatch)
    with recorded(monkeypatch) as sites:
        catalog = compile_catalog(paths)
    _SITES[name] = frozenset(sites)
    text = _shown(catalog).replace(str(tmp_path), "")
    if os.environ.get("KMODD_GOLDEN") == "write":
        (case / "expected.txt").write_text(text)
    assert text == (case / "expected.txt").read_text()


def test_every_code_has_a_case() -> None:
    told = {
        line.split()[1] for case in _CASES for line in _lines(case) if line.startswith(("error", "warning"))
    }
    assert told == {code.value for code in Code}


def test_every_message_has_a_case() -> None:
    if len(_SITES) < len(_CASES):
        pytest.skip("not every case was run here")
    told = frozenset().union(*_SITES.values())
    silent = [str(site) for site in written() if site not in told and site.name != _NEVER]
    assert not silent, "\n".join(silent)


@pytest.mark.parametrize(
    "part",
    [
        *(sentence for _, *sentences in syntax._SENTENCES for sentence in sentences),
        *(f"must be {expected}, not " for expected, _ in messages._EXPECTED.values()),
        *(f"({hint})" for _, hint in messages._EXPECTED.values()),
    ],
)
def test_every_sentence_of_a_table_has_a_case(part: str) -> None:
    assert any(part in line for case in _CASES for line in _lines(case))


def _lines(case: str) -> list[str]:
    return (_GOLDEN / case / "expected.txt").read_text().splitlines()


def _put(tree: Path, root: Path) -> None:
    if tree.exists():
        shutil.copytree(tree, root, dirs_exist_ok=True)
    settle_modes(root)


def _errors(catalog: Catalog) -> list[Issue]:
    return list(catalog.issues)


def _shown(catalog: Catalog) -> str:
    issues = [
        f"{issue.severity} {issue.code} {issue.location}: {issue.message} ({issue.hint})"
        for issue in catalog.issues
    ]
    sources = [
        f"{standing} {source.location} {declaration.name}: {source.key} = {source.value}"
        for declaration in catalog.declarations[:5]
        for standing, rows in (("in force", declaration.sources), ("replaced", declaration.replaced))
        for source in rows
    ]
    settings = [f"settings {catalog.settings}"] if catalog.settings != type(catalog.settings)() else []
    return "".join(f"{line}\n" for line in (*issues, *sources, *settings))
