"""packaging/arch: the PKGBUILD is built, and the package is what every distribution's is."""

import tarfile
from pathlib import Path

import pytest

from kmodd import __version__
from tests.packaging.building import PACKAGING, apart, build_arch, expected, has_our_programs, modules, run

_ARCH = PACKAGING / "arch"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once."""
    return build_arch(tmp_path_factory.mktemp("arch"))


def _info(package: Path) -> dict[str, list[str]]:
    """.PKGINFO by key."""
    found: dict[str, list[str]] = {}
    for line in run("bsdtar", "-xOf", package, ".PKGINFO").splitlines():
        key, equals, value = line.partition(" = ")
        if equals:
            found.setdefault(key, []).append(value)
    return found


def test_it_has_what_every_package_has(package: Path) -> None:
    with tarfile.open(package) as tar:
        paths = [f"/{each.name}" for each in tar if each.isfile() and not each.name.startswith(".")]
    files, code = apart(paths)
    assert files == expected()
    assert code == modules()
    assert "/usr/share/licenses/kmodd/LICENSE" in paths
    assert has_our_programs(package)


def test_everything_belongs_to_root_with_modes_that_no_umask_made(package: Path) -> None:
    with tarfile.open(package) as tar:
        members = [each for each in tar if not each.name.startswith(".")]
    assert {(each.uid, each.gid) for each in members} == {(0, 0)}
    assert {each.mode for each in members if each.isdir()} == {0o755}
    assert "etc/kmodd.d" in [each.name for each in members if each.isdir()]


def test_its_description_says_what_it_needs_and_keeps(package: Path) -> None:
    info = _info(package)
    assert info["pkgver"] == [f"{__version__}-1"]
    assert info["backup"] == ["etc/kmodd/kmodd.toml"]
    needs = {"kmod", "python-dbus-next", "python-pydantic", "python-pyudev", "python-tomli"}
    assert needs <= set(info["depend"])


def test_scriptlets_are_in_it(package: Path) -> None:
    assert run("bsdtar", "-xOf", package, ".INSTALL") == (_ARCH / "kmodd.install").read_text()
