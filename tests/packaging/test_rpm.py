"""packaging/rpm: the spec file is built, and the package is what every distribution's is."""

import re
from pathlib import Path

import pytest

from kmodd import __version__
from tests.packaging.building import SPEC, apart, at_home, build_rpm, expected, has_our_programs, modules, run

_FILES = "[%{FILENAMES} %{FILEMODES:perms}\n]"
_FLAGS = "[%{FILENAMES} %{FILEFLAGS:fflags}|\n]"
_STATE = {
    f"/var/lib/kmodd/{name}" for name in ("boot.json", "last-good.json", "modprobe-file", "quarantines.json")
}

_STATE_DIRECTORIES = {"/var/lib/kmodd", "/var/lib/kmodd/initramfs", "/var/lib/kmodd/intents"}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once."""
    return build_rpm(tmp_path_factory.mktemp("rpm"))


def _query(package: Path, *options: str) -> list[str]:
    return run("rpm", "--query", "--package", *options, package).splitlines()


def test_it_has_what_every_package_has(package: Path) -> None:
    rows = [row.rpartition(" ") for row in _query(package, "--queryformat", _FILES)]
    files, code = apart(path for path, _, mode in rows if not mode.startswith("d"))
    assert files - _STATE == expected()
    assert code == modules()
    assert has_our_programs(package, "/.")


def test_directories_that_nobody_else_has_are_its_own(package: Path) -> None:
    owned = set(_query(package, "--list"))
    own = {"/etc/kmodd", "/etc/kmodd.d", "/usr/share/kmodd", "/usr/share/kmodd/schema"}
    assert own | _STATE_DIRECTORIES <= owned
    assert not owned & {"/etc", "/usr/share", "/usr/share/man/man8", "/usr/lib/systemd/system", "/var/lib"}


def test_the_settings_are_never_overwritten(package: Path) -> None:
    flags = dict(row.split(" ") for row in _query(package, "--queryformat", _FLAGS))
    assert flags["/etc/kmodd/kmodd.toml"] == "cn|"  # config, noreplace (rpm's fflags)
    assert {path for path, flag in flags.items() if "g" in flag} == _STATE | _STATE_DIRECTORIES


def test_it_needs_what_kmodd_imports_and_opens(package: Path) -> None:
    needs = "\n".join(_query(package, "--requires"))
    assert {"dbus-next", "pydantic", "pyudev", "tomli"} <= set(
        re.findall(r"python3\S*dist\(([a-z-]+)\)", needs)
    )
    assert "\nkmod-libs >= 30\n" in needs


def test_units_are_enabled_stopped_and_restarted(package: Path) -> None:
    scripts = "\n".join(_query(package, "--scripts"))
    assert ": systemd_post kmodd.service kmodd-load.service\n" in scripts
    assert ": systemd_preun kmodd.service kmodd-load.service\n" in scripts
    # Restarting what loads at boot would be one pass more for nothing.
    assert ": systemd_postun_with_restart kmodd.service\n" in f"{scripts}\n"


def test_rpmlint_finds_nothing(package: Path) -> None:
    found = run("rpmlint", "--config", SPEC.with_name("rpmlint.toml"), SPEC, package)
    assert "; 0 errors, 0 warnings" in found


def test_versions_agree(tmp_path: Path) -> None:
    query = at_home(tmp_path, "rpmspec", "--query", "--queryformat", "%{VERSION}", SPEC)
    assert query == __version__
    assert f" - {__version__}-1\n" in SPEC.read_text().partition("%changelog")[2]
