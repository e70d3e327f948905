"""The programs of the packages: they start without site, and find what they import in one place."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import install
import pytest

from kmodd import __version__

_PROGRAMS = ("usr/bin/kmoddctl", "usr/bin/kmodd", "usr/libexec/kmodd/initramfs-record")
_IMPORTED = ("kmodd", "pyudev", "dbus_next")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make install`` leaves, beside a directory with Python packages and nothing else."""
    root = tmp_path_factory.mktemp("root")
    packages = root / "packages"
    packages.mkdir()
    for name in _IMPORTED:
        source = install.REPOSITORY if name == "kmodd" else Path(sysconfig.get_path("purelib"))
        (packages / name).symlink_to(source / name)
    install.install(root, {**install.VARIABLES, "pythondir": str(packages)})
    return root


@pytest.mark.parametrize("name", _PROGRAMS)
def test_it_is_started_without_site_and_without_the_environment(name: str, root: Path) -> None:
    first, *_ = (root / name).read_text().splitlines()
    assert first == "#!/usr/bin/python3 -IS"


@pytest.mark.parametrize(
    ("name", "argument", "status", "said"),
    [
        ("usr/bin/kmoddctl", "--version", 0, f"kmoddctl {__version__}\n"),
        ("usr/bin/kmoddctl", "--versions", 2, "unrecognized arguments: --versions"),
        ("usr/bin/kmodd", "--version", 0, f"kmodd {__version__}\n"),
        ("usr/libexec/kmodd/initramfs-record", "6.1.0", 1, "usage: initramfs-record"),
    ],
)
def test_it_finds_what_it_imports(name: str, argument: str, status: int, said: str, root: Path) -> None:
    command = [sys.executable, "-IS", str(root / name), argument]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, env={}
    )
    assert said in done.stdout
    assert done.returncode == status


def test_where_no_other_place_is_named_it_is_debians(tmp_path: Path) -> None:
    install.install(tmp_path)
    assert 'sys.path.append("/usr/lib/python3/dist-packages")' in (tmp_path / "usr/bin/kmoddctl").read_text()
