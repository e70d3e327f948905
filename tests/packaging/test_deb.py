"""The Debian package: what is in it, what it needs, and that it is built twice the same."""

import io
import subprocess
import tarfile
import tomllib
from pathlib import Path

import install
import pytest
from deb.build import LINTIAN_REPORT, built_package, checked_packages

from kmodd import __version__

pytestmark = pytest.mark.chroot

REPOSITORY = Path(__file__).resolve().parents[2]
DISTRIBUTION = {"zshdir": "/usr/share/zsh/vendor-completions"}
PYTHON = "/usr/lib/python3/dist-packages/"


@pytest.fixture(scope="module")
def package() -> Path:
    """The tree as it is, built and no more."""
    return built_package()


@pytest.fixture(scope="module")
def checked() -> Path:
    """All that make deb makes."""
    return checked_packages()


@pytest.fixture(scope="module")
def members(package: Path) -> dict[str, tarfile.TarInfo]:
    """What the package puts where, by path."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    content = subprocess.run(command, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {member.name.removeprefix("."): member for member in archive}


def field(package: Path, name: str) -> list[str]:
    """Entries of a field of the control file."""
    command = ["dpkg-deb", "--field", str(package), name]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [entry.strip() for entry in answer.split(",")]


def test_lintian_is_content(checked: Path) -> None:
    report = (checked / LINTIAN_REPORT).read_text()
    assert not [line for line in report.splitlines() if line.startswith(("E:", "W:"))]


def test_source_and_binary_are_for_an_upload(checked: Path) -> None:
    endings = {path.name.removeprefix(f"kmodd_{__version__}") for path in checked.iterdir()}
    assert {".dsc", ".tar.xz", "_all.deb"} <= endings
    assert {Path(ending).suffix for ending in endings} >= {".changes", ".buildinfo"}


def test_another_build_elsewhere_and_with_tests_is_the_same_to_the_byte(package: Path, checked: Path) -> None:
    assert (checked / package.name).read_bytes() == package.read_bytes()


def test_every_file_of_the_table_is_where_it_says(members: dict[str, tarfile.TarInfo]) -> None:
    for file in install.placed({**install.VARIABLES, **DISTRIBUTION}):
        target = str(file.target)
        member = members.get(target) or members[f"{target}.gz"]
        # A man page that only names another (".so") becomes a link to it.
        assert member.issym() or member.mode == file.mode, target
    assert members["/etc/kmodd.d"].isdir()


def test_nothing_else_is_in_it_but_kmodd_and_its_documents(members: dict[str, tarfile.TarInfo]) -> None:
    table = {str(file.target) for file in install.placed({**install.VARIABLES, **DISTRIBUTION})}
    ours = (f"{PYTHON}kmodd/", f"{PYTHON}kmodd-", "/usr/share/doc/kmodd/")
    rest = {
        name
        for name, member in members.items()
        if not member.isdir() and name.removesuffix(".gz") not in table and not name.startswith(ours)
    }
    assert rest == set()
    assert {(member.uname, member.gname) for member in members.values()} == {("root", "root")}


def test_programs_are_ours_and_not_pips(package: Path) -> None:
    content = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], check=True, capture_output=True).stdout
    programs = [file for file in install.placed() if file.target.parent == Path("/usr/bin")]
    assert len(programs) == 2
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for file in programs:
            member = archive.extractfile(f".{file.target}")
            assert member is not None
            assert member.read() == install.content(file.source, install.VARIABLES)


def test_every_module_of_python_is_in_it(members: dict[str, tarfile.TarInfo]) -> None:
    modules = {path.relative_to(REPOSITORY) for path in (REPOSITORY / "kmodd").rglob("*.py")}
    assert {f"{PYTHON}{module}" for module in modules} <= set(members)


def test_it_depends_on_debians_own_packages_as_new_as_kmodd_asks_for(package: Path) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    asked = (entry.partition(",")[0].replace("==", ">=") for entry in project["dependencies"])
    needed = {"python3-{} (>= {})".format(*entry.split(">=")) for entry in asked}
    assert needed | {"libkmod2"} <= set(field(package, "Depends"))


def test_only_what_a_person_edits_is_a_conffile(package: Path) -> None:
    answer = subprocess.run(
        ["dpkg-deb", "--info", str(package), "conffiles"], check=True, capture_output=True, text=True
    )
    table = {str(file.target) for file in install.placed()}
    assert set(answer.stdout.split()) == {path for path in table if path.startswith("/etc/")}
