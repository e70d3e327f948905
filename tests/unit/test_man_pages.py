"""packaging/man: linters have nothing to say, and pages refer to pages and sections that there are."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.man_page import MAN

_ROOT = Path(__file__).parents[2]
_LINKS = sorted(path for path in MAN.iterdir() if path.read_text().startswith(".so "))
_PAGES = sorted(path for path in MAN.iterdir() if path not in _LINKS)
# Pages of others are not looked for: which are installed is the machine's business.
_ELSEWHERE = re.compile(r"referenced manual not found|outdated mandoc\.db")
_REFERENCE = re.compile(r"\b((?:kmodd|org\.kmodd1)[A-Za-z0-9.-]*)\(([1-8])\)")
_CROSSED = re.compile(r"^\.Xr ((?:kmodd|org\.kmodd1)\S*) (\d)", flags=re.MULTILINE)
_TEXTS = ("systemd/*", "kmodd/**/*.py", "etc/**/*.toml*", "packaging/*/*.xml", "*.md")

each_page = pytest.mark.parametrize("page", _PAGES, ids=lambda path: path.name)


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"}
    return subprocess.run(
        list(map(str, command)), check=False, capture_output=True, text=True, env=environment
    )


def test_all_pages_are_there() -> None:
    assert [page.name for page in _PAGES] == [
        "kmodd.8",
        "kmodd.d.5",
        "kmodd.toml.5",
        "kmoddctl.1",
        "org.kmodd1.5",
    ]


@each_page
def test_mandoc_finds_nothing(page: Path) -> None:
    run = _run("mandoc", "-T", "lint", "-W", "style", page)
    found = (run.stdout + run.stderr).splitlines()
    assert [line for line in found if not _ELSEWHERE.search(line)] == []


@each_page
def test_groff_finds_nothing(page: Path) -> None:
    run = _run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page)
    assert (run.returncode, run.stderr) == (0, "")


@each_page
def test_it_is_about_what_its_name_says(page: Path) -> None:
    name, _, section = page.name.rpartition(".")
    assert f"\n.Dt {name.upper()} {section}\n" in page.read_text()
    assert f"\n.Sh NAME\n.Nm {name}" in page.read_text()


@each_page
def test_sections_that_it_refers_to_are_there(page: Path) -> None:
    source = page.read_text()
    for title in re.findall(r"^\.Sx (.*?)(?: [.,)])*$", source, flags=re.MULTILINE):
        assert f"\n.Sh {title}\n" in source


@pytest.mark.parametrize("link", _LINKS, ids=lambda path: path.name)
def test_a_link_leads_to_a_page_that_names_it(link: Path) -> None:
    section, _, target = link.read_text().removeprefix(".so ").strip().partition("/")
    assert section == f"man{target[-1]}"
    assert re.search(rf"^\.Nm {re.escape(link.stem)}( ,)?$", (MAN / target).read_text(), flags=re.MULTILINE)


def test_every_page_of_ours_that_anything_names_is_there() -> None:
    texts = [
        *(_ROOT / "systemd").iterdir(),
        *(_ROOT / "kmodd").rglob("*.py"),
        *(_ROOT / "etc").rglob("*.toml*"),
    ]
    named = {match for path in texts for match in _REFERENCE.findall(path.read_text())}
    crossed = {
        tuple(reference.split())
        for page in _PAGES
        for reference in re.findall(
            r"^\.Xr ((?:kmodd|org\.kmodd1)\S* \d)", page.read_text(), flags=re.MULTILINE
        )
    }
    assert named
    assert {f"{name}.{section}" for name, section in named | crossed} <= set(os.listdir(MAN))
